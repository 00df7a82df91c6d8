import { expect, test } from 'vitest'
import { foldProbe, type ProbeEvidence } from './probe-evidence.ts'
import { told } from './told-run.fixture.ts'

test('a batch that is told again counts once, and instances count their own', () => {
  const probes = new Map<string, ProbeEvidence>()
  const answered = (instance: string, batch: number, seq: number) =>
    told('probe-answered', {
      hop: 'api:stats',
      probe: 'window',
      instance,
      batch,
      requests: 1,
      canaries: [{ stream: 0, ranges: [seq, seq] }],
    })
  for (const fact of [answered('a', 0, 3), answered('a', 0, 3), answered('b', 0, 4), answered('b', 1, 5)]) foldProbe(probes, fact)
  const probe = probes.get('api:stats')
  expect([probe?.requests, probe?.compared.toWire()]).toEqual([3, [{ stream: 0, ranges: [3, 5] }]])
})

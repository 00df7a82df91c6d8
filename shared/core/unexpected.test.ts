import { expect, test } from 'vitest'
import { emptyEvidence, hopEvidence } from './evidence.ts'
import { unexpectedAt } from './unexpected.ts'

const evidenceWith = (sighted: Readonly<Record<string, readonly number[]>>) => {
  const evidence = emptyEvidence()
  evidence.intended.addAll([{ stream: 1, ranges: [0, 9] }])
  evidence.failed.add(1, 4)
  for (const [hop, seqs] of Object.entries(sighted)) for (const seq of seqs) hopEvidence(evidence, hop).sighted.add(1, seq)
  return evidence
}
const seqsAt = (sighted: Readonly<Record<string, readonly number[]>>, hop: string, before: string | null) =>
  unexpectedAt(evidenceWith(sighted), { hop, before }).map(({ ranges }) => ranges[0])

test('what was intended and not refused is expected', () => {
  expect(seqsAt({ raw: [0, 9] }, 'raw', null)).toEqual([])
})

test('what was refused, or never sent, is not', () => {
  expect(seqsAt({ raw: [0, 4, 10] }, 'raw', null)).toEqual([4, 10])
})

test('it is told at the first hop that has it, and only there', () => {
  const sighted = { raw: [0, 4], clean: [0, 4, 12] }
  expect([seqsAt(sighted, 'raw', null), seqsAt(sighted, 'clean', 'raw')]).toEqual([[4], [12]])
})

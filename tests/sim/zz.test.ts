import { test } from 'vitest'
import { simulate } from './world.ts'
test('x', () => {
  const seed = Number(process.env['SEED']); const agent = process.env['AGENT'] as 'generator'
  const r = simulate({ seed, defect: (process.env['DEFECT'] ?? 'none') as 'none', crew: { agent, size: 2 + (seed % 2) } })
  const t0 = 1_700_000_000_000
  for (const f of r.facts) {
    if (f.kind === 'run-accepted') continue
    const { runId, agent, instance, kind, atMs, ...rest } = f as never as Record<string, unknown>
    if (agent !== process.env['AGENT'] && !String(kind).startsWith('stage')) continue
    delete rest['latency']
    console.log(Number(atMs) - t0, agent, instance, kind, JSON.stringify(rest).slice(0, 260))
  }
  console.log(r.found, r.planted, r.verdict.reasons)
})

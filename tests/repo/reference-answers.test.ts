import { readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { expectedAnswers } from '../../agents/query-prober/expected-answers.ts'
import { compareAnswer } from '../../agents/query-prober/probes/compare.ts'
import { statsOf } from '../../compose/reference/api/queries.ts'
import { notionalOf } from '../../compose/reference/trade.ts'
import { streamLength } from '../../shared/core/canary.ts'
import { openDuckDb, type DuckDb } from '../../shared/engines/duckdb.ts'
import { runCanaries } from '../../shared/engines/expected-rows.ts'
import { loadTopology } from '../../topology/load.ts'
import { planSchema } from '../../topology/plan.ts'

/** What the reference topology expects of its API is what that API computes, whatever border values a window holds. */
let db: DuckDb
beforeAll(async () => {
  db = await openDuckDb({ memoryLimitMb: 128, threads: 1, tempDir: tmpdir() })
})
afterAll(() => {
  db.close()
})

const read = (file: string) => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8')
const text = read('topology/reference.yaml')
const names = [...text.matchAll(/\$\{([A-Z0-9_]+)\}/g)].map((match) => match[1] as string)
const loaded = loadTopology('reference.yaml', text, Object.fromEntries(names.map((name) => [name, 'http://127.0.0.1:1'])))
if (!loaded.ok) throw new Error('the reference topology does not load')
const { hops, record } = loaded.value
const table = hops.find((hop) => hop.kind === 'table')
const api = hops.find((hop) => hop.kind === 'api' && hop.per === 'window')
if (table?.kind !== 'table' || api?.kind !== 'api') throw new Error('no table, or no api with windows')

const plan = planSchema.parse({
  version: 1,
  name: 'edges',
  load: { canaries: 240, ratePerSecond: 100, streams: 2, edgeValuesEvery: 1 },
  stages: [{ stage: 'probe', task: 'probe-api' }],
})
const canaries = runCanaries('01999999-0000-7000-8000-000000000001', {
  plan,
  topology: 'reference',
  record,
  recordSchema: read('compose/reference/schemas/RawTrade.avsc'),
  hops,
  chaosTargets: [],
  seed: 11,
})

function answered(stream: number, first: number, last: number) {
  const total = { notional: 0n, quantity: 0n }
  for (let seq = first; seq <= last; seq++) {
    const { price, quantity } = canaries.at(stream, seq) as { price: bigint; quantity: bigint }
    total.quantity += quantity
    total.notional += notionalOf(price, quantity)
  }
  return statsOf('any', last - first + 1, total)
}

test.each([1, 2, 7])('stats of windows of %d canaries with border values', async (size) => {
  const answers: (string | null)[] = []
  for (const stream of [0, 1]) {
    for (let first = 0; first + size <= streamLength(plan.load, stream); first++) {
      const window = { stream, seqFirst: first, seqLast: first + size - 1 }
      const expected = await expectedAnswers(db, { canaries, api, table, question: { kind: 'window', ...window } })
      const given = answered(stream, first, window.seqLast)
      answers.push(given.vwap)
      expect({ ...window, wrong: compareAnswer(given, expected.answers) }).toEqual({ ...window, wrong: [] })
    }
  }
  // A quantity of zero is among them, and has no average price.
  if (size === 1) expect(answers).toContain(null)
})

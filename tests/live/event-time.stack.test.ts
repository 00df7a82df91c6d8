import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { REPO_DIR } from '../../compose/local/layout.ts'
import { connectKafka, consumeBatches, type SourceRecord } from '../../compose/reference/kafka.ts'
import { createLog } from '../../compose/reference/log.ts'
import { Decoder, Registry } from '../../compose/reference/registry.ts'
import { TRADES_TOPIC, type NormalisedTrade } from '../../compose/reference/trade.ts'
import { TIME_STREAM } from '../../shared/core/audit-findings.ts'
import { timesState } from '../../shared/core/audit-times.ts'
import { emptyAudit } from '../../shared/core/audit.ts'
import { CanarySet } from '../../shared/core/canary-set.ts'
import { lostAt } from '../../shared/core/evidence.ts'
import { parseCanaryId } from '../../shared/core/identity.ts'
import { loadPlan } from '../../topology/load.ts'
import { liveRun, startLiveStack, type LiveRun, type LiveStack } from './live-stack.ts'
import { passOver, type Stretch } from './pass-over.ts'

/** The reference pipeline watched as one whose table stores no offsets: where its rows come from, only their event time tells. */
let live: LiveStack

const eventTime = { topic: TRADES_TOPIC, field: 'traded_at', column: 'traded_at' }

beforeAll(async () => {
  const topology = (usual: string) => usual.replace(/^( *)sourceOffsets: .*$/m, `$1audit: ${JSON.stringify({ eventTime })}`)
  live = await startLiveStack({}, { topology })
})

afterAll(() => live.stop())

const TABLE = 'table:market.trades'
const CANARIES = 6_000

/** By windows of a second: those of ten would hardly lie within so short a run. */
function audited(): string {
  const text = readFileSync(join(REPO_DIR, 'topology/plans/smoke-audit.yaml'), 'utf8')
  const loaded = loadPlan('smoke-audit.yaml', text, { canaries: String(CANARIES) })
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
  const stages = loaded.value.stages.map((stage) => (stage.task === 'audit-topics' ? { ...stage, windowMs: 1_000 } : stage))
  return JSON.stringify({ ...loaded.value, stages })
}

const auditOf = ({ evidence }: LiveRun) => timesState(evidence.audits.get(TABLE) ?? emptyAudit())

function expectSameVerdict({ judged, again }: LiveRun): void {
  expect({ ...judged, ...again }).toEqual(judged)
}

test('as many rows as records in each second of event time, whoever wrote them', async () => {
  const run = await liveRun(live, { plan: audited() })
  expect({ verdict: run.judged.verdict, reasons: run.judged.reasons }).toEqual({ verdict: 'pass', reasons: [] })
  const { isDone, findings, gone, agreed, compared } = auditOf(run)
  expect({ isDone, findings, gone }).toEqual({ isDone: true, findings: [], gone: [] })
  expect(agreed).toBeGreaterThan(0)
  // The first and the last seconds have records of before and behind what was counted.
  expect(compared).toBeGreaterThan(CANARIES / 2)
  expectSameVerdict(run)
})

test('records that the sink was made to pass over are missed in their seconds, and canaries among them by name', async () => {
  const passedOver = Promise.withResolvers<Stretch>()
  const run = await liveRun(live, {
    plan: audited(),
    inMidRun: { acknowledged: 1_000, act: () => passOver(live, PASSED_OVER).then(passedOver.resolve) },
  })
  const trades = await tradesIn(await passedOver.promise)
  const canaries = trades.flatMap(({ trade_id }) => parseCanaryId(trade_id) ?? [])
  expect(canaries.length).toBeGreaterThan(0)
  expect(run.judged.verdict).toBe('fail')
  const lost = [...run.evidence.violations.values()].filter(({ hop }) => hop === TABLE)
  expect(lost.map(({ violation }) => violation)).toEqual(lost.map(() => 'lost'))
  const seconds = trades.map(({ traded_at }) => ({ stream: TIME_STREAM, seq: Number(traded_at / 1_000_000n) }))
  expect(lostAt(run.evidence, TABLE, 'others').members()).toEqual(CanarySet.ofMembers(seconds).members())
  expect(lostAt(run.evidence, TABLE).members()).toEqual(CanarySet.ofMembers(canaries).members())
  // Each is told once.
  expect(lost.reduce((sum, { standing }) => sum + standing.size, 0)).toBe(CanarySet.ofMembers([...seconds, ...canaries]).size)
  expectSameVerdict(run)
})

const PASSED_OVER = 60

async function tradesIn({ partition, from, to }: Stretch): Promise<NormalisedTrade[]> {
  const decoder = new Decoder(new Registry(live.stack.env['PIPELINE_REGISTRY_URL'] ?? ''), 'NormalisedTrade')
  const records: SourceRecord[] = []
  const read = Promise.withResolvers<null>()
  const consumer = await consumeBatches(
    connectKafka('passer', live.stack.env['PIPELINE_KAFKA_BOOTSTRAP'] ?? '', createLog('passer', 'silent')),
    { groupId: 'passer', topic: TRADES_TOPIC, concurrency: 1 },
    {
      take(batch) {
        if (batch.partition === partition) records.push(...batch.records.filter(({ offset }) => offset >= from && offset < to))
        if (batch.partition === partition && batch.nextOffset >= to) read.resolve(null)
        return Promise.resolve()
      },
      crashed: read.reject,
    },
  )
  try {
    await read.promise
  } finally {
    await consumer.disconnect()
  }
  await decoder.learn(records.map(({ value }) => value))
  return records.map(({ value }) => decoder.decode(value) as NormalisedTrade)
}

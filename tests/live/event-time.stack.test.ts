import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { CONNECTOR } from '../../compose/services/settings.ts'
import { REPO_DIR } from '../../compose/local/layout.ts'
import { connectKafka, consumeBatches, type SourceRecord } from '../../compose/reference/kafka.ts'
import { createLog } from '../../compose/reference/log.ts'
import { Decoder, Registry } from '../../compose/reference/registry.ts'
import { TRADES_TOPIC, type NormalisedTrade } from '../../compose/reference/trade.ts'
import { isAudited, isTimed } from '../../shared/core/audit-findings.ts'
import { timesState } from '../../shared/core/audit-times.ts'
import { emptyAudit } from '../../shared/core/audit.ts'
import { parseCanaryId } from '../../shared/core/identity.ts'
import type { RangeSet } from '../../shared/core/range-set.ts'
import { loadPlan } from '../../topology/load.ts'
import { liveRun, startLiveStack, type LiveRun, type LiveStack } from './live-stack.ts'

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
    inMidRun: { acknowledged: 1_000, act: () => passOver().then(passedOver.resolve) },
  })
  const trades = await tradesIn(await passedOver.promise)
  const canaries = trades.flatMap(({ trade_id }) => parseCanaryId(trade_id) ?? [])
  expect(canaries.length).toBeGreaterThan(0)
  expect(run.judged.verdict).toBe('fail')
  const lost = [...run.evidence.violations.values()].filter(({ hop }) => hop === TABLE)
  expect(lost.map(({ violation }) => violation)).toEqual(lost.map(() => 'lost'))
  expect(numbersIn(lost.filter(isTimed))).toEqual(inOrder(new Set(trades.map(({ traded_at }) => Number(traded_at / 1_000_000n)))))
  const named = lost.filter((violation) => !isAudited(violation)).map((violation) => ({ ...violation, seqs: numbersIn([violation]) }))
  expect(inOrder(named.flatMap(({ stream, seqs }) => seqs.map((seq) => `${stream}:${seq}`)))).toEqual(
    inOrder(canaries.map(({ stream, seq }) => `${stream}:${seq}`)),
  )
  expectSameVerdict(run)
})

const inOrder = <T extends number | string>(values: Iterable<T>): T[] => [...values].toSorted((a, b) => (a < b ? -1 : 1))

function numbersIn(violations: readonly { readonly standing: RangeSet }[]): number[] {
  const numbers = violations.flatMap(({ standing }) => {
    const { ranges } = standing
    return ranges.flatMap((first, at) =>
      at % 2 === 0 ? Array.from({ length: (ranges[at + 1] ?? first) - first + 1 }, (_, index) => first + index) : [],
    )
  })
  return inOrder(numbers)
}

/** Offsets `from` up to, and without, `to`. */
interface Stretch {
  readonly partition: number
  readonly from: number
  readonly to: number
}

const PASSED_OVER = 60
const LIMIT_MS = 30_000

async function until<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  const endMs = Date.now() + LIMIT_MS
  while (Date.now() < endMs) {
    const seen = await look()
    if (seen !== undefined) return seen
    await sleep(100)
  }
  throw new Error(`not within ${LIMIT_MS} ms: ${what}`)
}

async function ask(method: 'GET' | 'PUT' | 'PATCH', path: string, body?: object): Promise<unknown> {
  const url = `${live.stack.env['PIPELINE_CONNECT_URL'] ?? ''}/connectors/${CONNECTOR}/${path}`
  const headers = { 'content-type': 'application/json' }
  const response = await fetch(url, { method, ...(body === undefined ? {} : { headers, body: JSON.stringify(body) }) })
  const text = await response.text()
  if (!response.ok) throw new Error(`${method} ${url} answered ${response.status}: ${text}`)
  return text === '' ? null : JSON.parse(text)
}

interface SinkOffset {
  readonly partition: { readonly kafka_topic: string; readonly kafka_partition: number }
  readonly offset: { readonly kafka_offset: number }
}

const kafka = () => connectKafka('passer', live.stack.env['PIPELINE_KAFKA_BOOTSTRAP'] ?? '', createLog('passer', 'silent'))

/** Stops the sink, and has it go on behind records that it has not written: what an operator may do who resets offsets. */
async function passOver(): Promise<Stretch> {
  await ask('PUT', 'stop')
  await until('the sink has stopped', async () => {
    const { connector, tasks } = (await ask('GET', 'status')) as { connector: { state: string }; tasks: unknown[] }
    return connector.state === 'STOPPED' && tasks.length === 0 ? true : undefined
  })
  const { offsets } = (await ask('GET', 'offsets')) as { offsets: SinkOffset[] }
  const admin = kafka().admin()
  await admin.connect()
  try {
    const skipped = await until(`${PASSED_OVER} records behind what the sink has written`, async () => {
      const ends = new Map((await admin.fetchTopicOffsets(TRADES_TOPIC)).map(({ partition, high }) => [partition, Number(high)]))
      const behind = ({ partition, offset }: SinkOffset) => (ends.get(partition.kafka_partition) ?? 0) - offset.kafka_offset
      // Where canaries are, most comes.
      const [most] = offsets.toSorted((a, b) => behind(b) - behind(a))
      return most !== undefined && behind(most) >= PASSED_OVER ? most : undefined
    })
    const { kafka_offset: from } = skipped.offset
    await ask('PATCH', 'offsets', { offsets: [{ ...skipped, offset: { kafka_offset: from + PASSED_OVER } }] })
    await ask('PUT', 'resume')
    return { partition: skipped.partition.kafka_partition, from, to: from + PASSED_OVER }
  } finally {
    await admin.disconnect()
  }
}

async function tradesIn({ partition, from, to }: Stretch): Promise<NormalisedTrade[]> {
  const decoder = new Decoder(new Registry(live.stack.env['PIPELINE_REGISTRY_URL'] ?? ''), 'NormalisedTrade')
  const records: SourceRecord[] = []
  const read = Promise.withResolvers<null>()
  const consumer = await consumeBatches(
    kafka(),
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

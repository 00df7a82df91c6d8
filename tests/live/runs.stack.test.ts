import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { AGENT_NAMES } from '../../compose/local/agents.ts'
import { comparePlanted } from '../../compose/local/planted.ts'
import { defects } from '../../compose/reference/normaliser/defects.ts'
import { emptyAudit } from '../../shared/core/audit.ts'
import { auditState } from '../../shared/core/audit-state.ts'
import { deterministicRunId, spanIdOf, traceIdOf } from '../../shared/core/identity.ts'
import { setTimeout as sleep } from 'node:timers/promises'
import { startCollector, type Collector } from './collector.ts'
import { liveRun, startLiveStack, type LiveRun, type LiveStack } from './live-stack.ts'

const execute = promisify(execFile)

/** Real servers, real agents, real runs: what a user would see, judged twice. */
let live: LiveStack
let collector: Collector

beforeAll(async () => {
  collector = await startCollector()
  live = await startLiveStack({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint })
})

afterAll(async () => {
  await live.stop()
  await collector.close()
})

const CANARIES = 4_000
const parameters = { canaries: String(CANARIES) }

/** The published verdict is the one that the topics alone give. */
function expectSameVerdict({ judged, again }: LiveRun): void {
  expect({ ...judged, ...again }).toEqual(judged)
}

async function killInTurn(agents: readonly string[]): Promise<void> {
  for (const agent of agents) await live.killAndRestart(agent)
}

interface ArchivedPlace {
  readonly topic: string
  readonly partition: number
  readonly offset: number
}

async function filesIn(archive: string): Promise<Map<string, string>> {
  const files = new Map<string, string>()
  const { stdout } = await execute('tar', ['-tzf', archive])
  for (const name of stdout.split('\n').filter((line) => line !== '' && !line.endsWith('/'))) {
    const { stdout: text } = await execute('tar', ['-xOzf', archive, name], { maxBuffer: 64 * 1024 * 1024 })
    files.set(name.slice(name.indexOf('/') + 1), text)
  }
  return files
}

const seen = ({ judged }: LiveRun) => Object.fromEntries(judged.hops.map(({ hop, sighted }) => [hop, sighted]))
const traceHops = ['source', 'topic:market.trades.raw', 'topic:market.trades', 'table:market.trades']

describe('a faithful pipeline', () => {
  test('passes, with every canary at every hop, and one trace through all of them', async () => {
    const run = await liveRun(live, { plan: 'smoke', parameters })
    expect(run.judged.reasons).toEqual([])
    expect(run.judged.verdict).toBe('pass')
    expect(seen(run)).toMatchObject(Object.fromEntries([...traceHops, 'api:stats'].map((hop) => [hop, CANARIES])))
    expectSameVerdict(run)
    await expectTrace(run)
  })

  async function expectTrace({ runId }: LiveRun): Promise<void> {
    const traceId = traceIdOf({ runId, stream: 0, seq: 0 })
    const hops = [...traceHops, 'api:trade']
    const missing = () =>
      hops.filter((hop) => !collector.spans().some((span) => span.traceId === traceId && span.spanId === spanIdOf(traceId, hop)))
    for (let turn = 0; turn < 100 && missing().length > 0; turn++) await sleep(100)
    expect(missing()).toEqual([])
    for (const [index, hop] of hops.entries()) {
      const span = collector.spans().find((one) => one.traceId === traceId && one.spanId === spanIdOf(traceId, hop))
      const parent = hops[index - 1]
      expect({ hop, parent: span?.parentSpanId }).toEqual({ hop, parent: parent === undefined ? '' : spanIdOf(traceId, parent) })
    }
  }

  test('passes although each of its agents is killed in mid-run and started again', async () => {
    const run = await liveRun(live, {
      plan: 'smoke',
      parameters: { canaries: '16000' },
      inMidRun: { acknowledged: 1_000, act: () => killInTurn(AGENT_NAMES) },
    })
    expect({ verdict: run.judged.verdict, reasons: run.judged.reasons }).toEqual({ verdict: 'pass', reasons: [] })
    expectSameVerdict(run)
  })

  test('is the same in topic and table, record by record, whoever wrote them', async () => {
    const run = await liveRun(live, { plan: 'smoke-audit', parameters })
    expect({ verdict: run.judged.verdict, reasons: run.judged.reasons }).toEqual({ verdict: 'pass', reasons: [] })
    const audit = run.evidence.audits.get('table:market.trades')
    const state = auditState(audit ?? emptyAudit())
    expect({ agreed: state.agreed, isDone: state.isDone }).toEqual({ agreed: state.windows, isDone: true })
    // The feed writes beside the canaries.
    expect(state.compared).toBeGreaterThan(CANARIES)
    expect(audit?.fields?.map(({ field }) => field)).toEqual(
      expect.arrayContaining(['trade_id', 'symbol', 'price', 'quantity', 'notional']),
    )
    expectSameVerdict(run)
  })

  test('is left without the rows of a run that cleans up, and the next run is judged as before', async () => {
    const run = await liveRun(live, { plan: 'smoke-clean', parameters })
    expect({ verdict: run.judged.verdict, reasons: run.judged.reasons }).toEqual({ verdict: 'pass', reasons: [] })
    const cleaned = run.facts.find((fact) => fact.kind === 'stage-ended' && fact.stage === 'clean-up')
    expect(cleaned).toMatchObject({ outcome: 'ok', reason: `table:market.trades: ${CANARIES} rows removed, 0 left` })
    expectSameVerdict(run)
    expect((await liveRun(live, { plan: 'smoke', parameters })).judged).toMatchObject({ verdict: 'pass', reasons: [] })
  })

  test('keeps two runs at once apart, and makes one run of a request that comes twice', async () => {
    const runId = deterministicRunId(Date.now(), 'asked for twice')
    const [first, second, again] = await Promise.all([
      liveRun(live, { plan: 'smoke', parameters, runId }),
      liveRun(live, { plan: 'smoke', parameters: { canaries: '3000' } }),
      liveRun(live, { plan: 'smoke', parameters, runId }),
    ])
    for (const run of [first, second, again]) {
      expect({ verdict: run.judged.verdict, reasons: run.judged.reasons }).toEqual({ verdict: 'pass', reasons: [] })
      expectSameVerdict(run)
    }
    expect([first.judged.acknowledged, second.judged.acknowledged]).toEqual([CANARIES, 3_000])
    expect(again.facts.filter(({ kind }) => kind === 'run-accepted' || kind === 'run-judged')).toHaveLength(2)
  })

  test('recovers from a pause of its Connect worker, and says how long that took', async () => {
    const run = await liveRun(live, { plan: 'smoke-chaos', parameters: { canaries: '12000', pauseMs: '5000' } })
    expect({ verdict: run.judged.verdict, reasons: run.judged.reasons }).toEqual({ verdict: 'pass', reasons: [] })
    expect(run.judged.recoveries).toEqual([{ fault: 'pause', target: 'connect', recoveryMs: expect.any(Number) as number }])
    expectSameVerdict(run)
  })
})

describe('a pipeline that errs', () => {
  afterAll(() => live.stack.restart('normaliser', { NORMALISER_DEFECT: 'none' }))

  test('in seven ways at once is found out, record by record', async () => {
    await live.stack.restart('normaliser', { NORMALISER_DEFECT: defects.join(','), NORMALISER_DEFECT_EVERY: '29' })
    const run = await liveRun(live, { plan: 'smoke', parameters })
    const compared = comparePlanted(run.runId, live.defectLog(), run.evidence)
    expect(compared.planted).toBeGreaterThan(CANARIES / 29 / 2)
    expect(compared).toEqual({ planted: compared.planted, found: compared.planted, missed: [], accused: [], misplaced: [] })
    expect(run.judged.verdict).toBe('fail')
    expectSameVerdict(run)
    const violations = [...run.evidence.violations.values()]
    expect(new Set(violations.map(({ violation }) => violation)).size).toBe(defects.length)
    for (const { traceId, violation } of violations) await expectViolationSpan(traceId, violation)
    await expectRawRecords(run, ['lost', 'corrupted'])
  })

  /** The archive holds records that were planted, byte by byte as they stand in Kafka, and what each agent logged. */
  async function expectRawRecords({ judged }: LiveRun, kinds: readonly string[]): Promise<void> {
    const path = judged.reports.find((report) => report.endsWith('artefacts.tar.gz')) ?? ''
    let files = await filesIn(path)
    for (let turn = 0; turn < 300 && files.get('CONTENTS.txt')?.includes('not fetched') === true; turn++) {
      await sleep(100)
      files = await filesIn(path)
    }
    const linesOf = (name: string) => (files.get(name) ?? '').split('\n').filter(Boolean)
    const keyOf = ({ topic, partition, offset }: ArchivedPlace) => `${topic}/${partition}/${offset}`
    const raw = new Map(
      linesOf('raw-records.jsonl').map((line) => {
        const record = JSON.parse(line) as ArchivedPlace & { valueBase64: string }
        return [keyOf(record), Buffer.from(record.valueBase64, 'base64')]
      }),
    )
    const findings = linesOf('records.jsonl').map((line) => JSON.parse(line) as ArchivedPlace & { canaryId: string; kind: string })
    for (const kind of kinds) {
      const held = findings.filter((finding) => finding.kind === kind && raw.get(keyOf(finding))?.includes(finding.canaryId) === true)
      expect({ kind, some: held.length > 0, contents: files.get('CONTENTS.txt') }).toMatchObject({ some: true })
    }
    for (const agent of ['reporter', 'generator', 'ingestion-checker', 'storage-reconciler', 'query-prober']) {
      const name = [...files.keys()].find((file) => file.startsWith(agent) && file.endsWith('.log.jsonl')) ?? ''
      expect(linesOf(name).map((line) => typeof JSON.parse(line))).toContain('object')
    }
  }

  async function expectViolationSpan(traceId: string, violation: string): Promise<void> {
    const kept = () => collector.spans().some((span) => span.traceId === traceId && span.events.includes(`assay.${violation}`))
    for (let turn = 0; turn < 50 && !kept(); turn++) await sleep(100)
    expect({ traceId, violation, kept: kept() }).toEqual({ traceId, violation, kept: true })
  }

  test('is found out although those who look are killed in mid-run', async () => {
    await live.stack.restart('normaliser', { NORMALISER_DEFECT: 'skip', NORMALISER_DEFECT_EVERY: '197' })
    const run = await liveRun(live, {
      plan: 'smoke',
      parameters: { canaries: '8000' },
      inMidRun: { acknowledged: 2_000, act: () => killInTurn(['ingestion-checker', 'storage-reconciler']) },
    })
    const compared = comparePlanted(run.runId, live.defectLog(), run.evidence)
    expect(compared).toEqual({ planted: compared.planted, found: compared.planted, missed: [], accused: [], misplaced: [] })
    expect(run.judged.verdict).toBe('fail')
    expectSameVerdict(run)
  })
})

/** Smoke with less patience: what is missing is missed sooner. */
const impatient = JSON.stringify({
  version: 1,
  name: 'impatient',
  timeoutMs: 60_000,
  load: { canaries: 2_000, ratePerSecond: 1_000, streams: 8 },
  stages: [
    { stage: 'sight', task: 'sight-topics', timeoutMs: 25_000 },
    { stage: 'reconcile', task: 'reconcile-table', timeoutMs: 25_000 },
    { stage: 'produce', task: 'produce', needsStarted: ['sight', 'reconcile'], timeoutMs: 25_000 },
    { stage: 'probe', task: 'probe-api', needsStarted: ['produce'], timeoutMs: 25_000 },
  ],
})

describe('without one of the agents', () => {
  // The simulation goes through all six; here each costs its time.
  test.each(['generator', 'storage-reconciler'])('the verdict is inconclusive and names %s', async (agent) => {
    await live.stack.stopProcess(agent)
    const run = await liveRun(live, { plan: impatient })
    await live.agents.startAgent(agent)
    expect(run.judged.verdict).toBe('inconclusive')
    expect(run.judged.reasons.join('\n')).toContain(`nothing was heard from ${agent}`)
    expectSameVerdict(run)
  })
})

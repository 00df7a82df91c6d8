import { awaitOutcome } from '../../agents/cli/await-run.ts'
import { foldFollowed, followedRun } from '../../agents/cli/followed-run.ts'
import { openTwoTopics } from '../../agents/cli/two-topics.ts'
import { deterministicRunId } from '../../shared/core/identity.ts'
import { mirrorLength, mirrorPlants } from '../../shared/core/mirror.ts'
import { loadSchema, type MirrorDefect } from '../../topology/plan.ts'
import { compare, type Comparison } from './compare.ts'
import type { SabotageCase } from './case.ts'
import { openFlow } from './flow.ts'
import type { Pipeline } from './pipeline.ts'
import { clock, until } from './wait.ts'

export interface CaseResult extends Comparison {
  readonly name: string
  readonly seconds: number
}

const CANARIES = 240
const STREAMS = 8
const TIMEOUT_MS = 60_000
const EDGE_VALUES_EVERY = 50
const RATE_PER_SECOND = 2_000
/** Slow enough that something can be done to the pipeline meanwhile. */
const MID_RUN_RATE_PER_SECOND = 30
const PRODUCE_TIMEOUT_MS = 30_000
/** From when the last may have been sent to when the run must have ended. */
const AFTER_PRODUCTION_MS = 30_000

function loadOf({ canaries = CANARIES, mirror, edgeValuesEvery = EDGE_VALUES_EVERY, during }: SabotageCase) {
  const ratePerSecond = during === undefined ? RATE_PER_SECOND : MID_RUN_RATE_PER_SECOND
  return loadSchema.parse({ canaries, ratePerSecond, streams: STREAMS, edgeValuesEvery, mirror })
}

function planOf(one: SabotageCase): object {
  const { timeoutMs = TIMEOUT_MS, audits, during } = one
  return {
    version: 1,
    name: 'sabotage',
    timeoutMs,
    load: loadOf(one),
    stages: [
      { stage: 'sight', task: 'sight-topics', timeoutMs: timeoutMs - 10_000 },
      { stage: 'reconcile', task: 'reconcile-table', timeoutMs: timeoutMs - 5_000 },
      ...(audits === true ? auditStages(one, timeoutMs - 5_000) : []),
      {
        stage: 'produce',
        task: 'produce',
        needsStarted: ['sight', 'reconcile', ...(audits === true ? ['audit-topics'] : [])],
        timeoutMs: during === undefined ? PRODUCE_TIMEOUT_MS : timeoutMs - AFTER_PRODUCTION_MS,
      },
    ],
  }
}

const auditStages = ({ windowOffsets = 100 }: SabotageCase, timeoutMs: number) => [
  { stage: 'audit-tables', task: 'audit-tables', timeoutMs },
  { stage: 'audit-topics', task: 'audit-topics', needsStarted: ['audit-tables'], windowOffsets, windowMs: 1_000, timeoutMs },
]

/** How many canaries of a run are written, and as how many records: of those that are defective on purpose some are not, some twice. */
function writtenBy(one: SabotageCase): { canaries: number; records: number } {
  const load = loadOf(one)
  const planted = (wanted: MirrorDefect) => mirrorPlants(load).filter(({ defect }) => defect === wanted).length
  const canaries = load.canaries + mirrorLength(load) - planted('skipped')
  return { canaries, records: canaries + planted('doubled') }
}

/** One run with one thing done to it, held against what must be said of that. */
export async function runCase(pipeline: Pipeline, one: SabotageCase): Promise<CaseResult> {
  const startedMs = clock.nowMs()
  const runId = deterministicRunId(startedMs, `sabotage/${one.name}`)
  const { canaries, records } = writtenBy(one)
  const followed = followedRun(runId)
  const topics = await openTwoTopics((event) => foldFollowed(followed, event), { environment: pipeline.environment })
  try {
    await topics.caughtUp
    await one.before?.(pipeline)
    const ask = () =>
      topics.request({
        kind: 'run-requested',
        runId,
        plan: JSON.stringify(planOf(one)),
        parameters: {},
        window: null,
        requestedBy: 'sabotage',
      })
    await ask()
    const sinceMs = clock.nowMs()
    const { acknowledged } = followed.evidence
    if (one.during === undefined)
      await until(
        () => `${acknowledged.size} of ${canaries} canaries acknowledged`,
        () => acknowledged.size >= canaries,
      )
    const flow = await openFlow(pipeline, { runId, canaries: one.during === undefined ? records : 0, followed, ask })
    const planted = await one.act(flow)
    const outcome = await awaitOutcome({ followed, limits: { sinceMs }, nowMs: clock.nowMs })
    if (outcome?.kind !== 'judged') throw new Error(`not judged: ${JSON.stringify(outcome).slice(0, 300)}`)
    const { verdict, reasons } = outcome.judged
    const found = { evidence: followed.evidence, verdict, reasons }
    const compared = compare(planted, found, pipeline.hops)
    const seconds = (clock.nowMs() - startedMs) / 1000
    const after = (await one.after?.(flow, found)) ?? { found: 0, missed: [] }
    return { ...compared, name: one.name, seconds, found: compared.found + after.found, missed: [...compared.missed, ...after.missed] }
  } catch (error) {
    const why = error instanceof Error ? `${error.message}${error.cause instanceof Error ? `: ${error.cause.message}` : ''}` : String(error)
    return {
      name: one.name,
      seconds: (clock.nowMs() - startedMs) / 1000,
      found: 0,
      missed: [`the case itself failed: ${why}`],
      accused: [],
      inconclusive: null,
    }
  } finally {
    await topics.close()
  }
}

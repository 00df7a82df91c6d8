import type { ControlMessage } from '../../schemas/control.ts'
import type { Fact, ResultMessage } from '../../schemas/results.ts'
import { createPrng, type Prng } from '../../shared/core/prng.ts'
import type { RunWorks } from '../../shared/core/run-work.ts'
import { createSimClock, type SimClock } from '../../shared/sim/clock.ts'
import { SimPipeline } from '../../shared/sim/pipeline.ts'
import type { PlantedDefect } from '../../shared/sim/planted-defects.ts'
import { createTopicLog } from '../../shared/sim/topic-log.ts'
import { checker, generator, reporter } from './agents.ts'
import { reconciler } from './reconciler-agent.ts'
import { createProcess, type World } from './host.ts'
import { olderControl } from './older.ts'
import { injector, prober } from './outer-agents.ts'
import { weightOf } from './state-weight.ts'
import { simTopology } from './topology.ts'
import { simPlan } from './world.ts'

export interface SeriesScenario {
  readonly seed: number
  readonly hours: number
  /** One agent dies about so often, and is started again seconds later. */
  readonly killEveryMs: number
  /** While every agent is down. */
  readonly away: { readonly fromMs: number; readonly untilMs: number } | null
  /** What goes wrong in a window; most go well. */
  readonly defectOf: (index: number) => PlantedDefect | 'none'
  /** So long after a window began, what its pipeline had left out comes after all; null if left out: never. */
  readonly deliveredAfterMs?: (index: number) => number | null
  /** When somebody ends the series. */
  readonly cancelledAtMs?: number
}

export interface Window {
  readonly index: number
  readonly indexLast: number | null
  /** Verdicts in the order they were published, by revision. */
  readonly verdicts: readonly Fact<'run-judged'>[]
  readonly acceptedAtMs: number
}

export interface SeriesReport {
  readonly windows: readonly Window[]
  readonly kills: number
  /** Once an hour. */
  readonly held: readonly Held[]
  /** How many records came after all, by window, and when. */
  readonly delivered: readonly { readonly index: number; readonly records: number; readonly atMs: number }[]
}

/** How many runs an agent knows, and of how many it keeps what was said. */
export interface Held {
  readonly hour: number
  readonly agent: string
  readonly runs: number
  readonly evidence: number
  /** Of all it keeps: values, and the characters of texts. */
  readonly weight: number
}

const START_MS = 1_700_000_000_000
const SERIES = '018bcfe5-6800-7000-8000-000000000001'
export const EVERY_MS = 60_000
/** Topics are read back so far, save for what still matters of older control messages: a restart in the eleventh hour finds no trace of the first window. */
const LOOKBACK_MS = 3 * 3600_000
/** Nobody looks at a pipeline so long after its run. */
const PIPELINE_KEPT_MS = 300_000
const HOUR_MS = 3600_000

/** Every real core on one virtual clock, through hours of windows. Each window has a pipeline of its own. */
export function simulateSeries(scenario: SeriesScenario): SeriesReport {
  const { seed, hours } = scenario
  const prng = createPrng(seed)
  const clock = createSimClock(START_MS)
  const windows = new Map<string, OpenWindow>()
  const delivered: SeriesReport['delivered'][number][] = []
  const settings = { repeats: true, retentionMs: LOOKBACK_MS }
  const world: World = {
    clock,
    prng,
    pipelineOf: pipelinesOf(scenario, { clock, prng, delivered, indexOf: (runId) => windows.get(runId)?.index ?? 0 }),
    topology: simTopology,
    control: createTopicLog<ControlMessage>(clock, prng.stream('control'), { ...settings, ofOlder: olderControl }),
    results: createTopicLog<ResultMessage>(clock, prng.stream('results'), settings),
    plans: new Map([['sim', simPlan(24, 12).replace('name: sim', 'name: sim\nrepeatEveryMs: 60000')]]),
    trace: () => undefined,
  }
  world.results.subscribe(
    ({ message }) => {
      watch(windows, message)
    },
    () => undefined,
  )
  const agents = [generator, checker, reconciler, prober, injector, reporter]
  const processes = agents.map((agent) => createProcess(world, agent as typeof generator))
  for (const process of processes) clock.later(prng.stream('start').below(1_500), process.start)
  world.control.append({ kind: 'run-requested', runId: SERIES, plan: 'sim', parameters: {}, window: null, requestedBy: 'sim' })
  if (scenario.cancelledAtMs !== undefined)
    clock.at(START_MS + scenario.cancelledAtMs, () => {
      world.control.append({ kind: 'run-cancelled', runId: SERIES, reason: 'enough', requestedBy: 'sim' })
    })
  const kills = strike(scenario, { clock, deaths: prng.stream('deaths'), processes })
  const held: Held[] = []
  for (let hour = 1; hour <= hours; hour++)
    clock.at(START_MS + hour * HOUR_MS, () => {
      held.push(...processes.map((process) => heldBy(process, hour)))
    })
  // Two more minutes, for the last window to be judged.
  clock.runUntil(() => clock.nowMs() >= START_MS + hours * HOUR_MS + 120_000, Infinity)
  return { windows: [...windows.values()].sort((a, b) => a.index - b.index), kills: kills(), held, delivered }
}

type Process = ReturnType<typeof createProcess>

interface OpenWindow extends Window {
  readonly verdicts: Fact<'run-judged'>[]
}

function watch(windows: Map<string, OpenWindow>, message: ResultMessage): void {
  if (message.kind === 'run-accepted' && !windows.has(message.runId)) {
    const { index = 0, indexLast = null } = message.window ?? {}
    windows.set(message.runId, { index, indexLast, verdicts: [], acceptedAtMs: message.atMs })
  }
  if (message.kind !== 'run-judged') return
  const verdicts = windows.get(message.runId)?.verdicts ?? []
  // The topic may hold a message twice; a verdict given twice has two times.
  if (verdicts.every(({ atMs, revision }) => atMs !== message.atMs || revision !== message.revision)) verdicts.push(message)
}

interface PipelineContext {
  readonly clock: SimClock
  readonly prng: Prng
  readonly delivered: SeriesReport['delivered'][number][]
  readonly indexOf: (runId: string) => number
}

function pipelinesOf(
  { defectOf, deliveredAfterMs = () => null }: SeriesScenario,
  { clock, prng, delivered, indexOf }: PipelineContext,
): (runId: string) => SimPipeline {
  const pipelines = new Map<string, SimPipeline>()
  return (runId) => {
    const known = pipelines.get(runId)
    if (known !== undefined) return known
    const pipeline = new SimPipeline({ clock, prng: prng.stream(`pipeline/${runId}`), defect: defectOf(indexOf(runId)), source: false })
    pipelines.set(runId, pipeline)
    const index = indexOf(runId)
    const afterMs = deliveredAfterMs(index)
    if (afterMs !== null)
      clock.later(afterMs, () => {
        delivered.push({ index, records: pipeline.deliverLeftOut(), atMs: clock.nowMs() })
      })
    clock.later(PIPELINE_KEPT_MS, () => {
      pipeline.close()
      pipelines.delete(runId)
    })
    return pipeline
  }
}

/** Kills one agent now and then, and all for the time away. Gives how many were killed one by one. */
function strike(
  { killEveryMs, away }: SeriesScenario,
  { clock, deaths, processes }: { clock: SimClock; deaths: Prng; processes: readonly Process[] },
): () => number {
  let kills = 0
  const isAway = (atMs: number) => away !== null && atMs >= START_MS + away.fromMs && atMs < START_MS + away.untilMs
  const killOne = () => {
    clock.later(killEveryMs / 2 + deaths.below(killEveryMs), killOne)
    const process = processes[deaths.below(processes.length)] as Process
    if (isAway(clock.nowMs()) || isAway(clock.nowMs() + 10_000)) return
    kills++
    process.kill()
    clock.later(1_000 + deaths.below(5_000), process.start)
  }
  if (killEveryMs < Infinity) clock.later(killEveryMs, killOne)
  if (away !== null) {
    clock.at(START_MS + away.fromMs, () => {
      for (const process of processes) process.kill()
    })
    clock.at(START_MS + away.untilMs, () => {
      for (const process of processes) process.start()
    })
  }
  return () => kills
}

function heldBy(process: Process, hour: number): Held {
  const { works } = process.state() as { works: RunWorks }
  return {
    hour,
    agent: process.name,
    runs: works.base.book.runs.size,
    evidence: works.evidence.size + works.judgedEvidence.size,
    weight: weightOf(process.state()),
  }
}

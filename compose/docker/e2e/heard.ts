import { setTimeout as sleep } from 'node:timers/promises'
import { openTwoTopics, type TwoTopics } from '../../../agents/cli/two-topics.ts'
import type { Fact, RunFact } from '../../../schemas/results.ts'
import { keepNewest } from '../../../shared/core/bounded.ts'
import { ofTime } from '../../../shared/core/gravity.ts'
import { isRunFact } from '../../../shared/core/run-book.ts'
import { StackError } from '../../local/errors.ts'
import type { Composed } from './composed.ts'

/** What the results topic said since the beginning, as anyone outside the containers hears it. */
export interface Heard {
  readonly judged: Map<string, Fact<'run-judged'>>
  /** Told before their verdicts. */
  readonly failing: Map<string, Fact<'run-failing'>>
  /** When the last stage of a run ended, by the clock of the agent that ended it, Unix ms. */
  readonly evidenceAtMs: Map<string, number>
  readonly violations: Fact<'violation-found'>[]
  readonly faults: Fact<'fault-changed'>[]
  readonly startedAtMs: Map<string, number>
  /** By run, the instances that told what they saw in a topic. */
  readonly checkers: Map<string, Set<string>>
  /** All that was said of the newest runs. */
  readonly said: Map<string, RunFact[]>
  close(): Promise<void>
}

const RUNS_KEPT = 40

export async function listen(composed: Composed): Promise<Heard> {
  const environment = {
    ASSAY_KAFKA_BOOTSTRAP: `127.0.0.1:${composed.ports.KAFKA_PORT}`,
    PIPELINE_REGISTRY_URL: `http://127.0.0.1:${composed.ports.REGISTRY_PORT}/apis/ccompat/v7`,
  }
  const judged: Heard['judged'] = new Map()
  const failing: Heard['failing'] = new Map()
  const evidenceAtMs: Heard['evidenceAtMs'] = new Map()
  const startedAtMs: Heard['startedAtMs'] = new Map()
  const checkers: Heard['checkers'] = new Map()
  const said: Heard['said'] = new Map()
  const violations: Heard['violations'] = []
  const faults: Heard['faults'] = []
  const topics: TwoTopics = await openTwoTopics(
    (event) => {
      if (event.type !== 'fact') return
      const { fact } = event
      if (isRunFact(fact)) {
        said.set(fact.runId, said.get(fact.runId) ?? [])
        said.get(fact.runId)?.push(fact)
        keepNewest(said, RUNS_KEPT)
      }
      if (fact.kind === 'run-accepted') startedAtMs.set(fact.runId, fact.requestedAtMs)
      // A later one amends the verdict.
      if (fact.kind === 'run-judged') judged.set(fact.runId, fact)
      if (fact.kind === 'run-failing') failing.set(fact.runId, fact)
      if (fact.kind === 'stage-ended') evidenceAtMs.set(fact.runId, Math.max(fact.atMs, evidenceAtMs.get(fact.runId) ?? 0))
      if (fact.kind === 'violation-found') violations.push(fact)
      if (fact.kind === 'fault-changed') faults.push(fact)
      if (fact.kind === 'hop-sighted' && fact.agent === 'ingestion-checker')
        checkers.set(fact.runId, (checkers.get(fact.runId) ?? new Set()).add(fact.instance))
    },
    { environment },
  )
  return { judged, failing, evidenceAtMs, startedAtMs, violations, faults, checkers, said, close: () => topics.close() }
}

const POLL_MS = 200

/** Time until it is so, in ms, and what it was. Throws StackError when it is not so within the limit. */
export async function until<Result>(
  what: string,
  limitMs: number,
  look: () => Result | null | undefined | Promise<Result | null | undefined>,
): Promise<{ readonly tookMs: number; readonly value: Result }> {
  const sinceMs = performance.now()
  for (;;) {
    const value = await look()
    if (value !== null && value !== undefined) return { tookMs: performance.now() - sinceMs, value }
    if (performance.now() - sinceMs > limitMs) throw new StackError('service-late', `${what}: not so within ${limitMs / 1000} s`)
    await sleep(POLL_MS)
  }
}

export interface Between {
  readonly fromMs: number
  readonly toMs: number
}

/** Runs that were asked for in this time, and the verdicts there are of them. */
export function runsIn({ judged, startedAtMs }: Pick<Heard, 'judged' | 'startedAtMs'>, { fromMs, toMs }: Between) {
  const runs = [...startedAtMs].filter(([, atMs]) => atMs >= fromMs && atMs < toMs).map(([runId]) => runId)
  return { runs, told: runs.flatMap((runId) => judged.get(runId) ?? []) }
}

/** Findings of runs that were asked for in this time: of time, as may be said of a machine that is too slow, and of records. */
export function findingsOf(heard: Pick<Heard, 'judged' | 'startedAtMs'>, between: Between) {
  const { runs, told } = runsIn(heard, between)
  const count = (of: readonly Fact<'run-judged'>[], isOfTime: boolean) =>
    of
      .flatMap(({ hops }) => hops.flatMap(({ violations }) => violations))
      .filter(({ violation }) => ofTime.has(violation) === isOfTime)
      .reduce((sum, { count: more }) => sum + more, 0)
  // What our own delay explains makes a run inconclusive; a run that fails counts it whole.
  const failed = told.filter(({ verdict }) => verdict === 'fail')
  const others = told.filter(({ verdict }) => verdict !== 'fail')
  const verdicts = { pass: 0, fail: 0, inconclusive: 0 }
  for (const { verdict } of told) verdicts[verdict]++
  return {
    runs: runs.length,
    judged: told.length,
    verdicts,
    ofRecords: count(told, false),
    ofTime: count(failed, true),
    ofTimeExcused: count(others, true),
    reasons: told.flatMap((run) => run.reasons),
  }
}

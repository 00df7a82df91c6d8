import type { Gravest } from '../../schemas/parts.ts'
import type { Fact, ResultMessage } from '../../schemas/results.ts'
import { keepNewest } from '../../shared/core/bounded.ts'
import { isGraver } from '../../shared/core/gravity.ts'
import { isoTime, type Clock } from '../../shared/runtime/clock.ts'
import type { Log } from '../../shared/runtime/log.ts'

/** As Alertmanager's API v2 takes it. An alert that is sent again goes on; `endsAt` ends it. */
export interface FiringAlert {
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly startsAt: string
  readonly endsAt?: string
}

export interface AlertLinks {
  /** Base URL of the reporter's page. */
  readonly reporter: string
  /** Base URL of Jaeger's, or null. */
  readonly jaeger: string | null
}

/** The name of the one alert that no rule makes. */
export const RUN_FAILED = 'AssayRunFailed'

const RUNS_KEPT = 256
const ENDED_KEPT = 64
const REASONS_SHOWN = 3
const TEXT_CHARS_MAX = 1_000
const RUNBOOK = '/runbooks#assayrunfailed'

/** It holds back the rules' own alert of a failed run, and must not end before that one has. */
const ENDS_AFTER_MS = 30_000

type Failed = Pick<Fact<'run-failing'>, 'runId' | 'reasons' | 'gravest' | 'atMs'> & { readonly planName: string }

interface Firing {
  readonly alert: FiringAlert
  readonly gravest: Gravest | null
}

/**
 * What a rule over metrics cannot say, since no id is a label: which run failed, where its report is and which trace to
 * open first. One alert for each plan, from the first violation that stands against a run of it, before its verdict, to
 * its next run that passes; another one when the gravest of what stands is of another kind or hop, since whoever was told of
 * delays would not hear of a loss. A fold: replay gives the same.
 */
export class AlertBook {
  readonly #links: AlertLinks
  readonly #plans = new Map<string, string>()
  /** By run, the first of each kind at each hop. */
  readonly #firstBad = new Map<string, Map<string, Fact<'violation-found'>>>()
  readonly #firing = new Map<string, Firing>()
  /** The newest verdict of each plan: read again, runs of several partitions come in any order. */
  readonly #newest = new Map<string, Pick<Fact<'run-judged'>, 'runId' | 'atMs'>>()
  /** Runs whose alert fires before their verdict, by plan. */
  readonly #early = new Map<string, string>()
  #ended: readonly FiringAlert[] = []

  constructor(links: AlertLinks) {
    this.#links = links
  }

  hear(fact: ResultMessage): void {
    if (fact.kind === 'run-accepted') keep(this.#plans, fact.runId, fact.planName)
    if (fact.kind === 'violation-found') this.#found(fact)
    if (fact.kind === 'run-failing') this.#failing(fact)
    if (fact.kind === 'run-judged') this.#judged(fact)
  }

  /** Those that have ended and were not taken yet, and those that fire. */
  due(): FiringAlert[] {
    return [...this.#ended, ...[...this.#firing.values()].map(({ alert }) => alert)]
  }

  taken(alerts: readonly FiringAlert[]): void {
    this.#ended = this.#ended.filter((alert) => !alerts.includes(alert))
  }

  #found(fact: Fact<'violation-found'>): void {
    const found = this.#firstBad.get(fact.runId) ?? new Map<string, Fact<'violation-found'>>()
    keep(this.#firstBad, fact.runId, found)
    if (!found.has(keyOf(fact))) found.set(keyOf(fact), fact)
  }

  /** Where its plan's alert fires already, and of nothing less, the verdict will say it. */
  #failing({ runId, reasons, gravest, atMs }: Fact<'run-failing'>): void {
    const planName = this.#planOf(runId)
    const before = this.#firing.get(planName)
    if (before !== undefined && !isGraver(gravest, before.gravest)) return
    this.#early.set(planName, runId)
    this.#fire({ runId, planName, reasons, gravest, atMs }, 'is failing')
  }

  #judged(fact: Fact<'run-judged'>): void {
    const { runId, verdict, reasons, gravest, atMs } = fact
    const planName = this.#planOf(runId)
    const early = this.#early.get(planName)
    const isEarly = early === runId
    if (isEarly) this.#early.delete(planName)
    // What was told early and turned out otherwise is taken back.
    if (verdict === 'inconclusive') {
      if (isEarly) this.#end(planName, atMs)
      return
    }
    const newest = this.#newest.get(planName)
    if (newest !== undefined && newest.runId !== runId && (fact.revision > 0 || atMs < newest.atMs)) {
      // Read again, it was told early after what came later had been heard.
      if (isEarly && this.#firing.get(planName)?.alert.annotations['run'] === runId) this.#end(planName, atMs)
      return
    }
    keep(this.#newest, planName, fact)
    // Another run is failing, and this one is no worse.
    const isOther = early !== undefined && !isEarly
    if (isOther && (verdict === 'pass' || isGraver(this.#firing.get(planName)?.gravest ?? null, gravest))) return
    if (verdict === 'fail') this.#fire({ runId, planName, reasons, gravest, atMs }, 'failed')
    else this.#end(planName, atMs)
  }

  #planOf(runId: string): string {
    return this.#plans.get(runId) ?? 'unknown'
  }

  #fire(run: Failed, how: 'failed' | 'is failing'): void {
    const before = this.#firing.get(run.planName)
    const now = this.#alertOf(run, how)
    // The labels are its identity: of another kind, or at another hop, it is another alert.
    const goesOn = before !== undefined && isSame(before.alert.labels, now.labels)
    if (!goesOn) this.#end(run.planName, run.atMs)
    const alert = goesOn ? { ...now, startsAt: before.alert.startsAt } : now
    this.#firing.set(run.planName, { alert, gravest: run.gravest })
    this.#ended = this.#ended.filter(({ labels }) => !isSame(labels, now.labels))
  }

  #end(planName: string, atMs: number): void {
    const before = this.#firing.get(planName)
    this.#firing.delete(planName)
    if (before !== undefined) this.#ended = [...this.#ended, { ...before.alert, endsAt: isoTime(atMs + ENDS_AFTER_MS) }].slice(-ENDED_KEPT)
  }

  #alertOf({ runId, planName, reasons, gravest, atMs }: Failed, how: string): FiringAlert {
    const found = this.#firstBad.get(runId)
    const bad = gravest === null ? found?.values().next().value : found?.get(keyOf(gravest))
    const { violation = 'none', hop = 'source' } = gravest ?? bad ?? {}
    const page = this.#links.reporter.replace(/\/+$/, '')
    return {
      labels: { alertname: RUN_FAILED, severity: 'critical', verdict: 'fail', plan: planName, hop, violation },
      annotations: {
        summary: `A run of ${planName} ${how}: ${reasons.slice(0, REASONS_SHOWN).join('; ')}`,
        run: runId,
        report: `${page}/runs/${runId}`,
        runbook_url: `${page}${RUNBOOK}`,
        ...(bad === undefined ? {} : this.#evidenceOf(bad)),
      },
      startsAt: isoTime(atMs),
    }
  }

  #evidenceOf({ violation, hop, expected, actual, traceId }: Fact<'violation-found'>): Record<string, string> {
    const { jaeger } = this.#links
    return {
      violation: `${violation} at ${hop}: expected ${expected}, found ${actual}`.slice(0, TEXT_CHARS_MAX),
      trace: traceId,
      ...(jaeger === null ? {} : { trace_url: `${jaeger.replace(/\/+$/, '')}/trace/${traceId}` }),
    }
  }
}

const keyOf = ({ violation, hop }: Gravest) => `${violation} at ${hop}`

const isSame = (a: FiringAlert['labels'], b: FiringAlert['labels']) => Object.entries(a).every(([label, value]) => b[label] === value)

function keep<Value>(map: Map<string, Value>, name: string, value: Value): void {
  map.set(name, value)
  keepNewest(map, RUNS_KEPT)
}

export interface Alerter {
  hear(fact: ResultMessage): void
  /** What is heard before is history: only what came of it is told. */
  caughtUp(): void
  close(): void
}

const TURN_MS = 10_000
const ANSWER_LIMIT_MS = 5_000

/** Sends what is due every few seconds: an Alertmanager that was away has missed nothing that still stands. Nobody waits for it. */
export function createAlerter(
  access: { readonly url: string; readonly links: AlertLinks } | null,
  { clock, log }: { clock: Clock; log: Pick<Log, 'warn'> },
): Alerter {
  if (access === null) return { hear: () => undefined, caughtUp: () => undefined, close: () => undefined }
  const book = new AlertBook(access.links)
  let isCaughtUp = false
  let isAway = false
  const turn = async () => {
    if (!isCaughtUp) return
    const due = book.due()
    if (due.length === 0) return
    try {
      const response = await fetch(`${access.url.replace(/\/+$/, '')}/api/v2/alerts`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(due),
        signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
      })
      await response.body?.cancel()
      if (!response.ok) throw new Error(`status ${response.status}`)
      book.taken(due)
      isAway = false
    } catch (error) {
      if (!isAway) log.warn({ err: error, alerts: due.length }, 'Alertmanager takes no alerts now: they are sent again')
      isAway = true
    }
  }
  const stop = clock.every(TURN_MS, () => void turn())
  return {
    hear(fact) {
      book.hear(fact)
      if ((fact.kind === 'run-judged' || fact.kind === 'run-failing') && !isAway) void turn()
    },
    caughtUp() {
      isCaughtUp = true
      void turn()
    },
    close: stop,
  }
}

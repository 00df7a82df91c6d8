import type { ResultMessage } from '../../schemas/results.ts'
import { keepNewest } from '../../shared/core/bounded.ts'
import type { Clock } from '../../shared/runtime/clock.ts'
import type { Log } from '../../shared/runtime/log.ts'
import type { JudgedRun } from '../../shared/runtime/run-spans.ts'
import { escaped, textOf, type Annotation } from './annotation.ts'
import { FaultMarks, faultWindows } from './fault-annotations.ts'

export interface GrafanaAccess {
  /** Base URL; its path is kept. */
  readonly url: string
  /** Of a service account that may create annotations. */
  readonly token: string
}

export interface Annotator {
  /** Marks the verdict and the faults of a run. Returns at once, and never throws. */
  tell(judged: JudgedRun): void
  /** Marks a fault as its steps are told. */
  hear(fact: ResultMessage): void
  caughtUp(): void
  close(): Promise<void>
}

const REASONS_SHOWN = 5
const HOPS_TAGGED = 5
const QUEUE_MAX = 500
const KEYS_KEPT = 2_000
/** Turns: what waits is tried once in each while Grafana is away. */
const TURN_MS = 5_000
const ANSWER_LIMIT_MS = 5_000

/** The verdict as a point, each fault of the run as a window. `base` is the path below which Grafana serves. */
export function annotationsOf({ run, evidence, judgement, atMs }: JudgedRun, base = ''): Annotation[] {
  const { runId, accepted } = run
  const { verdict, reasons, hops } = judgement
  const bad = hops.filter(({ violations }) => violations.length > 0).slice(0, HOPS_TAGGED)
  const shown = reasons.slice(0, REASONS_SHOWN).map((reason) => `<li>${escaped(reason)}</li>`)
  const more = reasons.length > REASONS_SHOWN ? `<li>and ${reasons.length - REASONS_SHOWN} more</li>` : ''
  const link = `${base}/d/assay-run?var-run=${encodeURIComponent(runId)}&from=${accepted.requestedAtMs}&to=${atMs}`
  const verdictMark: Annotation = {
    key: `verdict ${runId} ${verdict} ${atMs}`,
    time: atMs,
    tags: ['assay', 'verdict', verdict, `plan:${accepted.planName}`, ...bad.map(({ hop }) => `hop:${hop}`)],
    text: textOf(
      `<b>${verdict}</b> ${escaped(accepted.planName)}`,
      more === '' ? shown : [...shown, more],
      `<a href="${link}">run ${escaped(runId)}</a>`,
    ),
  }
  return [...faultWindows(runId, evidence.faults, atMs), verdictMark]
}

/**
 * Posts over Grafana's HTTP API, one at a time, in order; without access, nothing. While Grafana is away the newest wait in a bounded queue; what
 * it refuses is logged and let go. Nobody waits for any of it.
 */
export function createAnnotator(
  access: GrafanaAccess | null,
  { clock, log }: { clock: Clock; log: Pick<Log, 'warn' | 'error'> },
): Annotator {
  if (access === null) return { tell: () => undefined, hear: () => undefined, caughtUp: () => undefined, close: () => Promise.resolve() }
  const faults = new FaultMarks()
  const queue: Annotation[] = []
  const known = new Set<string>()
  const ended = new AbortController()
  let sending: Promise<void> | null = null
  let isAway = false
  let dropped = 0

  const drain = async () => {
    for (let next = queue[0]; next !== undefined && !ended.signal.aborted; next = queue[0]) {
      const answer = await postOne(access, next, ended.signal)
      if (answer.outcome === 'away') {
        if (!isAway) log.warn({ reason: answer.reason, waiting: queue.length }, 'Grafana takes no annotations now: they wait')
        isAway = true
        return
      }
      if (answer.outcome === 'refused') log.error({ reason: answer.reason, tags: next.tags }, 'Grafana refused an annotation')
      if (dropped > 0) log.warn({ dropped, limit: QUEUE_MAX }, 'Grafana is back; the oldest annotations were dropped meanwhile')
      dropped = 0
      isAway = false
      // What came meanwhile may have pushed it out.
      if (queue[0] === next) queue.shift()
    }
  }
  const turn = () => {
    if (queue.length === 0) return
    sending ??= drain().finally(() => {
      sending = null
    })
  }
  const stopTurns = clock.every(TURN_MS, turn)

  const post = (annotations: readonly Annotation[]) => {
    if (annotations.length === 0) return
    for (const annotation of annotations) {
      if (known.has(annotation.key)) continue
      known.add(annotation.key)
      queue.push(annotation)
    }
    dropped += queue.splice(0, queue.length - QUEUE_MAX).length
    keepNewest(known, KEYS_KEPT)
    if (!isAway) turn()
  }

  return {
    tell(judged) {
      post(annotationsOf(judged, basePathOf(access)))
    },
    hear(fact) {
      post(faults.hear(fact))
    },
    caughtUp() {
      faults.caughtUp()
    },
    async close() {
      stopTurns()
      ended.abort()
      await sending
    },
  }
}

type Answer = { readonly outcome: 'taken' } | { readonly outcome: 'refused' | 'away'; readonly reason: string }

async function postOne({ url, token }: GrafanaAccess, { time, timeEnd, tags, text }: Annotation, ended: AbortSignal): Promise<Answer> {
  try {
    const response = await fetch(`${url.replace(/\/+$/, '')}/api/annotations`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify({ time, ...(timeEnd === undefined ? {} : { timeEnd }), tags, text }),
      signal: AbortSignal.any([AbortSignal.timeout(ANSWER_LIMIT_MS), ended]),
      // A redirect would carry the token to somebody else.
      redirect: 'manual',
    })
    await response.body?.cancel()
    if (response.ok) return { outcome: 'taken' }
    const isPassing = response.status >= 500 || response.status === 429
    return { outcome: isPassing ? 'away' : 'refused', reason: `status ${response.status}` }
  } catch (error) {
    return {
      outcome: 'away',
      reason: error instanceof Error ? ((error.cause as Error | undefined)?.message ?? error.message) : String(error),
    }
  }
}

/** The path below which Grafana serves, for links that a browser opens from within it. */
const basePathOf = ({ url }: GrafanaAccess): string => new URL(url).pathname.replace(/\/+$/, '')

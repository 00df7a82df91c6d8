import type { Fact } from '../../schemas/results.ts'
import { keepNewest } from '../../shared/core/bounded.ts'
import type { Clock } from '../../shared/runtime/clock.ts'
import type { Log } from '../../shared/runtime/log.ts'
import type { JudgedRun } from '../../shared/runtime/run-spans.ts'

/** A mark on Grafana's graphs: a point, or a window where it has an end. Unix ms. */
export interface Annotation {
  /** What it is about: posted once. */
  readonly key: string
  readonly time: number
  readonly timeEnd?: number
  readonly tags: readonly string[]
  /** HTML, as Grafana shows it. */
  readonly text: string
}

export interface GrafanaAccess {
  /** Base URL; its path is kept. */
  readonly url: string
  /** Of a service account that may create annotations. */
  readonly token: string
}

export interface Annotator {
  /** Marks the verdict and the faults of a run. Returns at once, and never throws. */
  tell(judged: JudgedRun): void
  close(): Promise<void>
}

const REASONS_SHOWN = 5
const HOPS_TAGGED = 5
const TEXT_CHARS_MAX = 2_000
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

/** From injection to heal; to the verdict where none was told. */
function faultWindows(runId: string, facts: readonly Fact<'fault-changed'>[], judgedAtMs: number): Annotation[] {
  const byStage = Map.groupBy(facts, ({ stage }) => stage)
  return [...byStage].flatMap(([stage, steps]): Annotation[] => {
    const at = (...phases: Fact<'fault-changed'>['phase'][]) => steps.find(({ phase }) => phases.includes(phase))
    const injected = at('injected')
    if (injected === undefined) return []
    const { fault, target } = injected
    const healed = at('healed')
    const end = at('recovered', 'not-recovered', 'heal-failed', 'void')
    return [
      {
        key: `fault ${runId} ${stage}`,
        time: injected.atMs,
        timeEnd: healed?.atMs ?? judgedAtMs,
        tags: ['assay', 'fault', `fault:${fault}`, `target:${target}`],
        text: textOf(
          `<b>${escaped(fault)}</b> of ${escaped(target)}`,
          [`<li>${healed === undefined ? 'no heal was told' : endText(end)}</li>`],
          `run ${escaped(runId)}`,
        ),
      },
    ]
  })
}

function endText(end: Fact<'fault-changed'> | undefined): string {
  if (end === undefined) return 'healed; no recovery was told'
  if (end.phase === 'recovered' && end.recoveryMs !== null) return `recovered ${(end.recoveryMs / 1000).toFixed(1)} s after it was healed`
  return `${end.phase}: ${escaped(end.detail)}`
}

/** List items are left out, last first, until the text is short enough. */
function textOf(head: string, items: readonly string[], foot: string): string {
  for (let kept = items.length; kept > 0; kept--) {
    const text = `${head}<ul>${items.slice(0, kept).join('')}</ul>${foot}`
    if (text.length <= TEXT_CHARS_MAX) return text
  }
  return `${head}<br>${foot}`
}

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }
const escaped = (text: string) => text.replaceAll(/[&<>"']/g, (character) => entities[character] as string)

/**
 * Posts over Grafana's HTTP API, one at a time, in order; without access, nothing. While Grafana is away the newest wait in a bounded queue; what
 * it refuses is logged and let go. Nobody waits for any of it.
 */
export function createAnnotator(
  access: GrafanaAccess | null,
  { clock, log }: { clock: Clock; log: Pick<Log, 'warn' | 'error'> },
): Annotator {
  if (access === null) return { tell: () => undefined, close: () => Promise.resolve() }
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

  return {
    tell(judged) {
      for (const annotation of annotationsOf(judged, basePathOf(access))) {
        if (known.has(annotation.key)) continue
        known.add(annotation.key)
        queue.push(annotation)
      }
      dropped += queue.splice(0, queue.length - QUEUE_MAX).length
      keepNewest(known, KEYS_KEPT)
      if (!isAway) turn()
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

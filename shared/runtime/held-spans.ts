import type { Fact } from '../../schemas/results.ts'
import { spanIdOf, traceIdOf, type CanaryId } from '../core/identity.ts'
import { correctionEvent, hopSpan, runSpanRef, violationEvent, type HopFace, type SpanEvent } from './hop-spans.ts'
import type { Sighting } from './recent-sightings.ts'
import { assayAttribute, attribute } from './trace-attributes.ts'
import type { FinishedSpan } from './tracing.ts'

type Told = Fact<'violation-found' | 'correction'>

interface Held {
  readonly face: HopFace
  readonly canary: CanaryId
  /** Null for a canary that was not seen here. */
  seen: Sighting | null
  readonly events: SpanEvent[]
  /** The first one names the span's error. */
  violation: Fact<'violation-found'> | null
  /** From the turn on that it met first. */
  sinceMs: number | null
}

type Write = (span: FinishedSpan, canary: CanaryId) => void

const HOLD_MS = 5_000
const HELD_MAX = 4_096
const WRITTEN_MAX = 16_384
const EVENTS_MAX = 64

/**
 * A span cannot be changed once it is written, and two of one id confuse whoever reads the trace: so a span is held
 * back for a while, and what is told of its canary meanwhile becomes an event of it. What is told later becomes a
 * span of its own under it.
 */
export class HeldSpans {
  readonly #write: Write
  readonly #held = new Map<string, Held>()
  readonly #written = new Set<string>()

  constructor(write: Write) {
    this.#write = write
  }

  /** An endpoint may be asked again, and its last answer counts; elsewhere a canary is seen once. */
  see(face: HopFace, canary: CanaryId, seen: Sighting): void {
    const key = keyOf(face, canary)
    const held = this.#held.get(key)
    if (held === undefined) {
      if (!this.#written.has(key)) this.#hold(key, { face, canary, seen, events: [], violation: null, sinceMs: null })
    } else if (held.seen === null || face.hop.startsWith('api:')) held.seen = seen
    else addEvent(held, againEvent(seen))
  }

  tell(face: HopFace, canary: CanaryId, fact: Told): void {
    const key = keyOf(face, canary)
    const held = this.#held.get(key)
    if (held === undefined && this.#written.has(key)) {
      const span = laterSpan(face, canary, fact)
      if (this.#isNew(span.spanId)) this.#write(span, canary)
      return
    }
    const target = held ?? { face, canary, seen: null, events: [], violation: null, sinceMs: null }
    addEvent(target, fact.kind === 'violation-found' ? violationEvent(fact) : correctionEvent(fact))
    if (fact.kind === 'violation-found') target.violation ??= fact
    if (held === undefined) this.#hold(key, target)
  }

  /** Writes what was held long enough. */
  turn(nowMs: number): void {
    for (const [key, held] of this.#held) {
      held.sinceMs ??= nowMs
      if (nowMs - held.sinceMs >= HOLD_MS || nowMs === Infinity) this.#release(key, held)
    }
  }

  /** Nothing more will be told of the run: its spans need not wait. */
  endRun(runId: string): void {
    for (const [key, held] of this.#held) if (held.canary.runId === runId) this.#release(key, held)
  }

  #hold(key: string, held: Held): void {
    const oldest = this.#held.size >= HELD_MAX ? this.#held.entries().next().value : undefined
    if (oldest !== undefined) this.#release(...oldest)
    this.#held.set(key, held)
  }

  #release(key: string, held: Held): void {
    this.#held.delete(key)
    if (this.#isNew(key)) this.#write(spanOf(held), held.canary)
  }

  #isNew(key: string): boolean {
    if (this.#written.has(key)) return false
    if (this.#written.size >= WRITTEN_MAX) this.#written.delete(this.#written.values().next().value as string)
    this.#written.add(key)
    return true
  }
}

const keyOf = ({ hop }: HopFace, canary: CanaryId) => `${traceIdOf(canary)}|${hop}`

function addEvent({ events }: Held, event: SpanEvent): void {
  if (events.length < EVENTS_MAX) events.push(event)
}

const againEvent = ({ startMs, partition, offset }: Sighting): SpanEvent => ({
  name: 'assay.seen-again',
  atMs: startMs,
  attributes: {
    ...(partition === undefined ? {} : { [attribute.messagingPartition]: String(partition) }),
    ...(offset === undefined ? {} : { [attribute.messagingOffset]: offset }),
  },
})

function spanOf({ face, canary, seen, events, violation }: Held): FinishedSpan {
  const atMs = violation?.atMs ?? events[0]?.atMs ?? 0
  const span = { ...hopSpan(face, canary, seen ?? { ...canary, startMs: atMs, endMs: atMs }), events }
  const named = seen === null && violation !== null ? { ...span, name: nameOf(violation) } : span
  return violation === null ? named : failed(named, violation)
}

/** Beside the span of its hop, which stands in the trace store already. */
function laterSpan(face: HopFace, canary: CanaryId, fact: Told): FinishedSpan {
  const of = hopSpan(face, canary, { ...canary, startMs: fact.atMs, endMs: fact.atMs })
  const part =
    fact.kind === 'violation-found'
      ? [fact.violation, fact.field, fact.partition, fact.offset, fact.snapshotId].join('/')
      : `correction/${fact.violation}/${fact.becomes}`
  const span = { ...of, spanId: spanIdOf(of.traceId, `${face.hop}/${part}`), parentSpanId: of.spanId, kind: 'internal' as const }
  if (fact.kind === 'violation-found') return failed({ ...span, name: nameOf(fact), events: [violationEvent(fact)] }, fact)
  return { ...span, name: `correction at ${fact.hop}`, events: [correctionEvent(fact)] }
}

const nameOf = ({ violation, hop }: Fact<'violation-found'>) => `${violation} at ${hop}`

function failed(span: FinishedSpan, { violation, expected, actual, runId }: Fact<'violation-found'>): FinishedSpan {
  const run = runSpanRef(runId)
  const links = span.links ?? []
  return {
    ...span,
    attributes: { ...span.attributes, [assayAttribute.violation]: violation, [attribute.errorType]: violation },
    links: links.some(({ spanId }) => spanId === run.spanId) ? links : [...links, run],
    error: `${violation}: expected ${expected}, found ${actual}`,
  }
}

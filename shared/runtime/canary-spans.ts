import { isAudited } from '../core/audit-findings.ts'
import type { Fact } from '../../schemas/results.ts'
import type { ResolvedRun } from '../../topology/resolved-run.ts'
import type { Hop } from '../../topology/topology.ts'
import type { AgentName } from '../core/agent.ts'
import type { BusEvent } from '../core/bus-events.ts'
import { isBusEffect } from '../core/bus-events.ts'
import { placeOf } from '../core/canary.ts'
import type { CanaryId } from '../core/identity.ts'
import { members, sizeOf } from '../core/range-set.ts'
import { HeldSpans } from './held-spans.ts'
import { hopFace, type HopFace } from './hop-spans.ts'
import { canaryCode, RecentSightings, type Sighting } from './recent-sightings.ts'
import { writeUntraced } from './run-spans.ts'
import type { Tracing } from './tracing.ts'

/** A run at a hop: what all its sightings have in common. */
export interface HopOfRun {
  readonly runId: string
  readonly face: HopFace
  readonly plan: ResolvedRun['plan']
}

/**
 * One agent's spans of canaries. The good are sampled by their place, so that all agents keep the same ones; of a bad
 * one each agent writes what it saw of it, before and after it was found out.
 */
export interface CanarySpans {
  at(run: { readonly runId: string; readonly resolved: Pick<ResolvedRun, 'plan'> }, hop: string): HopOfRun
  /** Cheap: called for every canary. */
  sighted(at: HopOfRun, sighting: Sighting): void
  /** After each step of the core: what was told and heard, and the time. */
  onStep(event: { readonly type: string }, effects: readonly { readonly type: string }[]): void
  /** Writes what is held back. */
  close(): void
}

export interface CanarySpansOf {
  readonly tracing: Tracing
  readonly agent: AgentName
  /** Of this agent's own topology. */
  readonly hops: readonly Hop[]
}

export const isTraced = ({ load, traceEvery }: Pick<ResolvedRun['plan'], 'load' | 'traceEvery'>, stream: number, seq: number) =>
  placeOf(load, stream, seq) % traceEvery === 0

/** Some six megabytes, and at a thousand canaries a second two minutes. */
const RECENT_MAX = 131_072
/** Bad canaries of one kind at one hop of one run: beyond, they are counted. */
export const TRACED_MAX = 1_000
/** Of one run; and runs that nobody judges are forgotten, the oldest first. */
const BAD_MAX = 5_000
const RUNS_MAX = 16

export function createCanarySpans(of: CanarySpansOf): CanarySpans {
  return of.tracing.isOn ? new Spans(of) : noSpans(of)
}

const noSpans = ({ hops }: CanarySpansOf): CanarySpans => ({
  at: ({ runId, resolved }, hop) => ({ runId, face: hopFace(hops, hop), plan: resolved.plan }),
  sighted: () => undefined,
  onStep: () => undefined,
  close: () => undefined,
})

interface Tally {
  readonly runId: string
  readonly hop: string
  readonly violation: string
  /** Told by this agent. */
  readonly isOwn: boolean
  traced: number
  untraced: number
}

class Spans implements CanarySpans {
  readonly #of: CanarySpansOf
  readonly #held: HeldSpans
  readonly #recent = new RecentSightings<HopOfRun>(RECENT_MAX)
  readonly #faces = new Map<string, HopFace>()
  /** By run, in the order they were found out. */
  readonly #bad = new Map<string, Set<number>>()
  /** Found out since the last turn: what was seen of them is among the recent. */
  #wanted = new Map<string, Set<number>>()
  #told: { readonly canary: CanaryId; readonly fact: Fact<'violation-found' | 'correction'> }[] = []
  readonly #tallies = new Map<string, Tally>()

  constructor(of: CanarySpansOf) {
    this.#of = of
    this.#held = new HeldSpans((span, canary) => {
      // A trace is of use whole: what the other hops saw of a bad canary is kept like the finding.
      const isBad = this.#bad.get(canary.runId)?.has(canaryCode(canary)) === true
      of.tracing.span(isBad ? { ...span, isKept: true } : span)
    })
  }

  at({ runId, resolved }: Parameters<CanarySpans['at']>[0], hop: string): HopOfRun {
    return { runId, face: this.#face(hop), plan: resolved.plan }
  }

  sighted(at: HopOfRun, sighting: Sighting): void {
    const { runId, plan } = at
    const { stream, seq } = sighting
    if (isTraced(plan, stream, seq) || this.#bad.get(runId)?.has(canaryCode(sighting)) === true) this.#admit(at, sighting)
    else this.#recent.add(at, sighting)
  }

  onStep(event: { readonly type: string }, effects: readonly { readonly type: string }[]): void {
    for (const effect of effects) {
      if (!isBusEffect(effect) || effect.type !== 'publish') continue
      // Records that are no canaries have traces of their own, or none.
      if (effect.fact.kind === 'violation-found' && isAudited(effect.fact)) continue
      if (effect.fact.kind === 'violation-found') this.#tell(effect.fact)
      else if (effect.fact.kind === 'correction') this.#correct(effect.fact)
    }
    if (isFact(event)) this.#hear(event.fact)
    else if (isTick(event)) this.#turn(event.atMs)
  }

  close(): void {
    this.#turn(Infinity)
  }

  #face(hop: string): HopFace {
    let face = this.#faces.get(hop)
    if (face === undefined) this.#faces.set(hop, (face = hopFace(this.#of.hops, hop)))
    return face
  }

  #admit({ runId, face }: HopOfRun, sighting: Sighting): void {
    const { stream, seq } = sighting
    this.#held.see(face, { runId, stream, seq }, sighting)
  }

  #tell(fact: Fact<'violation-found'>): void {
    for (const canary of this.#mark(fact, { isOwn: true })) this.#told.push({ canary, fact })
  }

  #correct(fact: Fact<'correction'>): void {
    const bad = this.#bad.get(fact.runId)
    if (bad === undefined) return
    for (const seq of members(fact.ranges)) {
      const canary = { runId: fact.runId, stream: fact.stream, seq }
      if (bad.has(canaryCode(canary))) this.#told.push({ canary, fact })
    }
  }

  #hear(fact: Extract<BusEvent, { type: 'fact' }>['fact']): void {
    if (fact.kind === 'run-judged') this.#end(fact.runId, fact.atMs)
    // What others found out: this agent may have seen the same canary before, or is yet to see it.
    else if (fact.kind === 'violation-found' && fact.agent !== this.#of.agent && !isAudited(fact)) this.#mark(fact, { isOwn: false })
  }

  /** Marks the canaries of a violation as bad, up to the limit, and returns them. */
  #mark(fact: Fact<'violation-found'>, { isOwn }: { isOwn: boolean }): CanaryId[] {
    const { runId, stream, hop, violation } = fact
    const tally = this.#tally({ runId, hop, violation, isOwn })
    if (!this.#bad.has(runId) && this.#bad.size >= RUNS_MAX) this.#forget(this.#bad.keys().next().value as string)
    const bad = setIn(this.#bad, runId)
    const wanted = setIn(this.#wanted, runId)
    const marked: CanaryId[] = []
    // An answer over many canaries does not say which of them is wrong.
    const count = hop.startsWith('api:') ? 1 : sizeOf(fact.ranges)
    const room = Math.min(count, TRACED_MAX - tally.traced, BAD_MAX - bad.size)
    for (const seq of members(fact.ranges)) {
      if (marked.length >= room) break
      const canary = { runId, stream, seq }
      bad.add(canaryCode(canary))
      wanted.add(canaryCode(canary))
      marked.push(canary)
    }
    tally.traced += marked.length
    tally.untraced += count - marked.length
    return marked
  }

  #tally(of: Pick<Tally, 'runId' | 'hop' | 'violation' | 'isOwn'>): Tally {
    const key = `${of.runId}|${of.hop}|${of.violation}`
    let tally = this.#tallies.get(key)
    if (tally === undefined) this.#tallies.set(key, (tally = { ...of, traced: 0, untraced: 0 }))
    return tally
  }

  #turn(nowMs: number): void {
    this.#admitWanted()
    this.#held.turn(nowMs)
  }

  #admitWanted(): void {
    if (this.#wanted.size > 0) {
      for (const { place, sighting } of this.#recent.take(this.#wanted)) this.#admit(place, sighting)
      this.#wanted = new Map()
    }
    for (const { canary, fact } of this.#told) this.#held.tell(this.#face(fact.hop), canary, fact)
    this.#told = []
  }

  /** The verdict is out: nothing will be told about the run any more. */
  #end(runId: string, atMs: number): void {
    // Now, while it is known which of them are bad.
    this.#admitWanted()
    this.#held.endRun(runId)
    for (const tally of this.#tallies.values())
      if (tally.runId === runId && tally.isOwn && tally.untraced > 0) writeUntraced(this.#of.tracing, tally, atMs)
    this.#forget(runId)
  }

  #forget(runId: string): void {
    this.#bad.delete(runId)
    for (const [key, tally] of this.#tallies) if (tally.runId === runId) this.#tallies.delete(key)
  }
}

function setIn<Key, Member>(sets: Map<Key, Set<Member>>, key: Key): Set<Member> {
  let set = sets.get(key)
  if (set === undefined) sets.set(key, (set = new Set()))
  return set
}

const isFact = (event: { readonly type: string }): event is Extract<BusEvent, { type: 'fact' }> => event.type === 'fact'
const isTick = (event: { readonly type: string }): event is Extract<BusEvent, { type: 'tick' }> => event.type === 'tick'

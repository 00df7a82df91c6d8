import { streamLength } from '../../shared/core/canary.ts'
import { CanarySet } from '../../shared/core/canary-set.ts'
import type { RunState } from '../../shared/core/run-book.ts'
import { evidenceOf, type RunWorks } from '../../shared/core/run-work.ts'
import type { ProberEffect, Question } from './events.ts'
import { accusedHere } from './excused.ts'
import {
  drop,
  newQuestion,
  openQuestions,
  type HopContext,
  type HopWork,
  type OpenQuestion,
  type ProbeContext,
  type ProbeWork,
} from './probe-work.ts'
import { askableAt, isSettled, isVouchedSettled } from './probes/askable.ts'
import { cutWindows, memberAt, spread, windowSize } from './probes/window.ts'

/** Questions are given out this long ahead, so that the shell can ask on time whatever the tick is. */
const ASK_AHEAD_MS = 250
const IN_FLIGHT_MAX = 200
/** Point look-ups of a run, at least: they are a sample, windows cover every canary. */
const LOOKUPS_MIN = 200
const TRACED_LOOKUPS_MAX = 50
/** Canaries of a window asked while they arrive. */
const PASSING_WINDOW_MAX = 250
/** An id nobody wrote lies this far behind the stream's end. */
const UNKNOWN_BEYOND = 1_000

/** Open loop: what is due by the clock is asked, whatever became of the questions before. */
export function ask(works: RunWorks, { run, work }: ProbeContext, requestsPerSecond: number): ProberEffect[] {
  const { nowMs } = works.base
  const effects: ProberEffect[] = []
  while (work.nextAskMs <= nowMs + ASK_AHEAD_MS && work.asked.size < IN_FLIGHT_MAX) {
    const open = nextQuestion(works, { run, work })
    if (open === null) {
      // Nothing to ask is no backlog.
      work.nextAskMs = Math.max(work.nextAskMs, nowMs)
      break
    }
    work.asked.set(open.id, open)
    const { id, hop, question } = open
    effects.push({ type: 'ask', runId: run.runId, hop, id, question, intendedAtMs: work.nextAskMs, isSuspect: isSuspect(open) })
    work.nextAskMs += 1000 / requestsPerSecond
  }
  return effects
}

const isSuspect = ({ wrongs, stales, failuresWhileHealthy }: OpenQuestion) => wrongs > 0 || stales > 0 || failuresWhileHealthy > 0

function nextQuestion(works: RunWorks, { run, work }: ProbeContext): OpenQuestion | null {
  const again = takeDue(work, false) ?? work.todo.shift() ?? takeDue(work, true)
  if (again !== null) return again
  return work.settledSinceMs === null ? passingQuestion(works, { run, work }) : null
}

function takeDue(work: ProbeWork, waitsForRecovery: boolean): OpenQuestion | null {
  const due = work.again.findIndex((open) => open.notBeforeMs <= work.nextAskMs && open.waitsForRecovery === waitsForRecovery)
  return due < 0 ? null : (work.again.splice(due, 1)[0] ?? null)
}

/** While canaries arrive: any hop, any canary that must be there. */
function passingQuestion(works: RunWorks, { run, work }: ProbeContext): OpenQuestion | null {
  const hops = [...work.hops.values()]
  const hop = hops[work.prng.below(hops.length)]
  if (hop === undefined) return null
  const clean = askableAt(evidenceOf(works, run.runId), run, hop.name).clean.minus(accusedHere(works, { run, hop }).accused)
  const place = clean.size === 0 ? null : work.prng.below(clean.size)
  const picked = place === null ? null : locate(clean, place)
  if (picked === null) return null
  const { stream, seq, rangeLast } = picked
  const check = [...hop.checksLeft].find((kind) => !isOpen(work, hop.name, kind))
  if (check !== undefined) return newQuestion(work, { hop: hop.name, question: checkQuestion({ run, work, hop }, check, { stream, seq }) })
  if (hop.hop.per === 'canary') return newQuestion(work, { hop: hop.name, question: { kind: 'canary', stream, seq } })
  const seqLast = Math.min(rangeLast, seq + work.prng.below(PASSING_WINDOW_MAX))
  return newQuestion(work, { hop: hop.name, question: { kind: 'window', stream, seqFirst: seq, seqLast } })
}

function locate(set: CanarySet, place: number): { stream: number; seq: number; rangeLast: number } | null {
  let left = place
  for (const stream of set.streams()) {
    const ranges = set.ranges(stream)
    const member = memberAt(ranges, left)
    if (member !== null) return { stream, ...member }
    left -= set.stream(stream).size
  }
  return null
}

const checkQuestion = (
  { run }: HopContext,
  kind: 'no-credentials' | 'unknown-id',
  { stream, seq }: { stream: number; seq: number },
): Question =>
  kind === 'no-credentials' ? { kind, stream, seq } : { kind, stream, seq: streamLength(run.resolved.plan.load, stream) + UNKNOWN_BEYOND }

const isOpen = (work: ProbeWork, hop: string, kind: Question['kind']) =>
  openQuestions(work).some((open) => open.hop === hop && open.question.kind === kind)

/**
 * Once everything vouched for is in the table or accused: what is left to ask, so that windows together cover every canary.
 * Planned anew whenever all that was planned is decided: a canary may have been accused meanwhile, and windows are cut
 * around it; or one that nobody vouches for has come. To wait for these first would leave the rest no time.
 */
export function planFinalPass(works: RunWorks, { run, work }: ProbeContext): void {
  const evidence = evidenceOf(works, run.runId)
  if (work.settledSinceMs === null) {
    if (![...work.hops.keys()].every((api) => isVouchedSettled(evidence, run, api))) return
    work.settledSinceMs = works.base.nowMs
    for (const open of work.again.filter(({ isPassing, wrongs }) => isPassing && wrongs === 0)) drop(work, open)
  }
  if (openQuestions(work).length > 0) return
  for (const hop of [...work.hops.values()].sort(windowsFirst)) {
    for (const question of questionsLeft(works, { run, work, hop })) work.todo.push(newQuestion(work, { hop: hop.name, question }))
  }
}

/** Look-ups are a sample. */
const windowsFirst = (a: HopWork, b: HopWork) => Number(b.hop.per === 'window') - Number(a.hop.per === 'window')

/** Nothing is open, and nothing is left to ask or can still come. */
export function isComplete(works: RunWorks, { run, work }: ProbeContext): boolean {
  if (work.settledSinceMs === null || openQuestions(work).length > 0) return false
  const evidence = evidenceOf(works, run.runId)
  if (![...work.hops.keys()].every((api) => isSettled(evidence, run, api))) return false
  for (const hop of work.hops.values()) {
    if (hop.hop.per !== 'window') continue
    const told = evidence.probes.get(hop.name)?.unchecked ?? new CanarySet()
    hop.pending.unchecked.addAll(askableAt(evidence, run, hop.name).excluded.minus(told).toWire())
  }
  return true
}

function questionsLeft(works: RunWorks, { run, work, hop }: HopContext): Question[] {
  const evidence = evidenceOf(works, run.runId)
  const { clean } = askableAt(evidence, run, hop.name)
  const { accused, excused } = accusedHere(works, { run, hop })
  const rest = clean.minus(hop.covered).minus(accused)
  const [sample] = spread(clean.toWire(), 1)
  const checks = sample === undefined ? [] : [...hop.checksLeft].map((kind) => checkQuestion({ run, work, hop }, kind, sample))
  if (hop.hop.per === 'window') {
    const size = windowSize(run.resolved.plan.load)
    const windows = rest
      .toWire()
      .flatMap(({ stream, ranges }) =>
        cutWindows(ranges, size).map(({ first, last }): Question => ({ kind: 'window', stream, seqFirst: first, seqLast: last })),
      )
    return [...checks, ...windows]
  }
  const compared = CanarySet.of(evidence.probes.get(hop.name)?.compared.toWire() ?? [])
  compared.addAll(hop.pending.compared.toWire())
  const unasked = rest.minus(compared)
  const traced = tracedOf(run).and(unasked)
  const wanted = Math.min(LOOKUPS_MIN, clean.size) - (clean.size - unasked.size) - traced.size
  const stale = rest.and(excused)
  const others = unasked.minus(traced).minus(stale)
  const lookups = [traced.minus(stale), stale].flatMap((set) => spread(set.toWire(), set.size))
  lookups.push(...spread(others.toWire(), Math.max(0, wanted)))
  return [...checks, ...lookups.map(({ stream, seq }): Question => ({ kind: 'canary', stream, seq }))]
}

/** Canaries whose trace is kept: a look-up of each ends it with a span of the API. */
function tracedOf(run: RunState): CanarySet {
  const { load, traceEvery } = run.resolved.plan
  const traced = new CanarySet()
  const step = traceEvery * Math.max(1, Math.ceil(load.canaries / traceEvery / TRACED_LOOKUPS_MAX))
  for (let place = 0; place < load.canaries; place += step) traced.add(place % load.streams, Math.floor(place / load.streams))
  return traced
}

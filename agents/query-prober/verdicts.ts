import { headOf, say, type RunWorks } from '../../shared/core/run-work.ts'
import { violationFact, type Finding } from '../../shared/core/violations.ts'
import type { Answer, ProberEffect, Question } from './events.ts'
import { drop, newQuestion, type HopContext, type OpenQuestion } from './probe-work.ts'
import type { AnswerMismatch } from './probes/compare.ts'
import { halves } from './probes/window.ts'

export interface Decided extends HopContext {
  readonly open: OpenQuestion
}

export const spanOf = (question: Question): { stream: number; first: number; last: number } =>
  question.kind === 'window'
    ? { stream: question.stream, first: question.seqFirst, last: question.seqLast }
    : { stream: question.stream, first: question.seq, last: question.seq }

/** `left-out`: an earlier hop is accused of it by now. `given-up`: our own trouble. */
type Closing = 'right' | 'accused' | 'left-out' | 'given-up'

export function close(works: RunWorks, decided: Decided, closing: Closing): ProberEffect[] {
  const { work, hop, open } = decided
  drop(work, open)
  const { kind } = open.question
  if (kind === 'no-credentials' || kind === 'unknown-id') {
    hop.checksLeft.delete(kind)
    return []
  }
  const { stream, first, last } = spanOf(open.question)
  const ranges = [first, last]
  if (closing === 'right') hop.pending.compared.addAll([{ stream, ranges }])
  // What is accused is not asked again either, as far as the accusation goes.
  if ((closing === 'right' || closing === 'given-up') && work.settledSinceMs !== null)
    for (const covered of [hop.covered, hop.pending.covered]) covered.addAll([{ stream, ranges }])
  return closeHalf(works, decided, closing)
}

function closeHalf(works: RunWorks, decided: Decided, closing: Closing): ProberEffect[] {
  const { half } = decided.open
  if (half === null) return []
  half.halvesLeft--
  if (closing !== 'right') half.explained = true
  if (half.halvesLeft > 0) return []
  const whole = { ...decided, open: half.whole }
  if (half.explained) return closeHalf(works, whole, 'accused')
  // Each half is right, and the two together are not: the window itself is what is answered wrong.
  return sayWrong(works, whole, { mismatches: half.mismatches, snapshotId: half.snapshotId })
}

type Accusation = Pick<Finding, 'violation' | 'expected' | 'actual'> & Partial<Pick<Finding, 'field' | 'snapshotId' | 'ranges'>>

export function accuse(works: RunWorks, decided: Decided, ...accusations: readonly Accusation[]): ProberEffect[] {
  const { run, hop, open } = decided
  const { stream, first, last } = spanOf(open.question)
  const findings = accusations.map((accusation): Finding => ({ ranges: [first, last], ...accusation, hop: hop.name, stream }))
  const facts = hop.budget.limit(findings).map((finding) => say(works, violationFact(headOf(works, run.runId), finding)))
  return [...facts, ...close(works, decided, 'accused')]
}

/** Wrong twice. A window is taken apart, to name the canaries in it that are answered wrong. */
export function accuseWrong(works: RunWorks, decided: Decided & { readonly answer: Answer }, what: 'content' | 'snapshot'): ProberEffect[] {
  const { work, hop, open, answer } = decided
  const { snapshotId } = answer
  if (what === 'snapshot') {
    const expected = "a snapshot of the table's lineage"
    return accuse(works, decided, {
      violation: 'wrong-answer',
      field: hop.hop.snapshot,
      expected,
      actual: snapshotId ?? 'none',
      snapshotId,
    })
  }
  const mismatches = answer.status === 200 ? answer.mismatches : [{ json: 'status', expected: '200', actual: String(answer.status) }]
  const { stream, first, last } = spanOf(open.question)
  if (first === last || hop.halvingsLeft === 0) return sayWrong(works, decided, { mismatches, snapshotId })
  hop.halvingsLeft--
  const half = { whole: open, mismatches, snapshotId, halvesLeft: 2, explained: false }
  drop(work, open)
  for (const span of halves({ first, last })) {
    work.again.push(
      newQuestion(work, { hop: hop.name, question: { kind: 'window', stream, seqFirst: span.first, seqLast: span.last }, half }),
    )
  }
  return []
}

interface Wrong {
  readonly mismatches: readonly AnswerMismatch[]
  readonly snapshotId: string | null
}

function sayWrong(works: RunWorks, decided: Decided, { mismatches, snapshotId }: Wrong): ProberEffect[] {
  const accusations = mismatches.map(({ json, expected, actual }): Accusation => ({
    violation: 'wrong-answer',
    field: json,
    expected,
    actual,
    snapshotId,
  }))
  return accuse(works, decided, ...accusations)
}

export function accuseChecks(works: RunWorks, decided: Decided & { readonly answer: Answer }): ProberEffect[] {
  const actual = `status ${decided.answer.status}${decided.answer.isJson ? '' : ', no JSON'}`
  if (decided.open.question.kind === 'no-credentials') {
    return accuse(works, decided, { violation: 'unprotected', expected: 'a request without credentials refused with 401 or 403', actual })
  }
  return accuse(works, decided, {
    violation: 'wrong-answer',
    field: 'status',
    expected: 'an unknown id answered with 404 and JSON',
    actual,
  })
}

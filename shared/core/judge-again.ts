import type { Fact, RunFact } from '../../schemas/results.ts'
import { emptyEvidence, foldEvidence, type Evidence } from './evidence.ts'
import { judge, type Judgement } from './judge.ts'
import { emptyRunBook, foldRunBook, type RunBook, type RunState } from './run-book.ts'

export interface Recomputed {
  readonly run: RunState
  readonly evidence: Evidence
  readonly judgement: Judgement
  readonly published: Fact<'run-judged'> | null
}

/**
 * Judges a run again from its messages in the order of its partition, and the cancellations on the control topic.
 * Where a verdict was published, only what was before the judge then counts. Null when it never became a run.
 */
export function judgeFromTopics(facts: readonly RunFact[], cancelled: RunBook['cancelled'] = new Map()): Recomputed | null {
  const verdicts = facts.filter((fact) => fact.kind === 'run-judged')
  const [first = null] = verdicts
  const published = verdicts.reduce((latest, verdict) => (latest !== null && latest.revision >= verdict.revision ? latest : verdict), first)
  const inTime = [...cancelled].filter(([, { atMs }]) => first === null || atMs <= first.atMs)
  const book: RunBook = { ...emptyRunBook(), cancelled: new Map(inTime) }
  const evidence = emptyEvidence()
  for (const fact of facts) {
    if (fact.kind === 'run-judged') continue
    if (published !== null && fact.agent !== 'reporter' && evidence.heard >= published.factsHeard) break
    foldRunBook(book, { type: 'fact', fact })
    foldEvidence(evidence, fact)
  }
  const [run] = book.runs.values()
  return run === undefined ? null : { run, evidence, judgement: judge(book, run, evidence), published }
}

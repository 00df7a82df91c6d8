import { expect, test } from 'vitest'
import type { RunFact } from '../../schemas/results.ts'
import { sourceHop, topicHop } from '../../topology/topology.ts'
import { judge } from './judge.ts'
import { RAW, accepted, cleanFacts, foldAll, resolvedOf, smokePlan, told } from './told-run.fixture.ts'

const SOURCE = 'source:nats'
const ALL_BUT_5 = [
  { stream: 0, ranges: [0, 4, 6, 19] },
  { stream: 1, ranges: [0, 19] },
]
const EVERY = ALL_BUT_5.map(({ stream }) => ({ stream, ranges: [0, 19] }))

/** A run that went well, written to a source that acknowledges as it declares. */
function history(delivery: 'at-least-once' | 'at-most-once', sighted: typeof EVERY): RunFact[] {
  const deadlines = { deliverWithinMs: 5_000, giveUpAfterMs: 10_000 }
  const source = sourceHop.parse({ kind: 'source', broker: 'nats', stream: 'in', subject: 'in', delivery, ...deadlines })
  const raw = topicHop.parse({ kind: 'topic', topic: 'raw', processedBy: { group: 'gateway', topic: 'in' }, ...deadlines })
  const resolved = resolvedOf()
  const hops = [source, raw, ...resolved.hops.slice(1)]
  const isTold = delivery === 'at-most-once'
  return cleanFacts().map((fact) => {
    if (fact.kind === 'run-accepted') return accepted(smokePlan, { resolved: JSON.stringify({ ...resolved, hops }) })
    if (fact.kind === 'canaries-produced')
      return { ...fact, hop: SOURCE, ...(isTold ? { acknowledged: [], unknown: EVERY, offsets: [] } : {}) }
    if (fact.kind === 'hop-sighted') return { ...fact, canaries: sighted }
    if (fact.kind === 'snapshot-reconciled' || fact.kind === 'probe-answered') return { ...fact, canaries: sighted }
    return fact
  })
}

const judged = (facts: readonly RunFact[]) => {
  const { book, run, evidence } = foldAll(facts)
  return judge(book, run, evidence)
}

test('what a source that acknowledges nothing did not keep is nobody’s fault', () => {
  const facts = [...history('at-most-once', ALL_BUT_5), told('hop-sighted', { hop: SOURCE, canaries: ALL_BUT_5 })]
  expect(judged(facts)).toMatchObject({ verdict: 'pass', reasons: [], acknowledged: 0, unknown: 40 })
})

test('the same missing from a source that acknowledged it is not passed over', () => {
  const facts = [...history('at-least-once', ALL_BUT_5), told('hop-sighted', { hop: SOURCE, canaries: ALL_BUT_5 })]
  expect(judged(facts)).toMatchObject({ verdict: 'inconclusive', reasons: [`1 canaries at ${SOURCE} were neither sighted nor judged`] })
})

test('what the source was seen to hold is owed behind it', () => {
  const facts = [...history('at-most-once', ALL_BUT_5), told('hop-sighted', { hop: SOURCE, canaries: EVERY })]
  expect(judged(facts)).toMatchObject({ verdict: 'inconclusive', reasons: [`1 canaries at ${RAW} were neither sighted nor judged`] })
})

test('a source that was not seen to hold anything proves nothing', () => {
  expect(judged(history('at-most-once', [])).verdict).toBe('inconclusive')
})

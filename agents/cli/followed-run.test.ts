import { describe, expect, it } from 'vitest'
import type { ResultMessage, RunFact } from '../../schemas/results.ts'
import { judgeFromTopics } from '../../shared/core/judge-again.ts'
import { cleanFacts, SAMPLE_RUN_ID, SAMPLE_START_MS, sourceOf, violation } from '../reporter/reports/sample-run.ts'
import { ANSWER_WAIT_MS, foldFollowed, followedRun, outcomeOf, VERDICT_WAIT_MS, type FollowedRun } from './followed-run.ts'
import { toldOutcome } from './outcome-text.ts'
import { toldRecomputed } from './verdict.ts'

const head = { agent: 'reporter', instance: '0', atMs: SAMPLE_START_MS + 9_500 }
const request = { kind: 'run-requested' as const, runId: SAMPLE_RUN_ID, plan: 'smoke', parameters: {}, window: null, requestedBy: 'ann' }
const heartbeat = (agent: string, atMs: number): ResultMessage => ({
  kind: 'agent-heartbeat',
  agent,
  instance: '0',
  atMs,
  startedAtMs: 0,
  version: '0',
  residentBytes: 1,
})

function judgedFact(facts: readonly RunFact[]): RunFact & { kind: 'run-judged' } {
  const { judgement, evidence } = sourceOf(facts)
  return {
    kind: 'run-judged',
    runId: SAMPLE_RUN_ID,
    ...head,
    ...judgement,
    revision: 0,
    factsHeard: evidence.heard,
    reports: ['/r/report.md'],
  }
}

function heard(...facts: readonly ResultMessage[]): FollowedRun {
  const followed = followedRun(SAMPLE_RUN_ID)
  for (const fact of facts) foldFollowed(followed, { type: 'fact', fact })
  return followed
}

const limits = { sinceMs: SAMPLE_START_MS }
const soonMs = SAMPLE_START_MS + 9_600

describe('how a run comes out', () => {
  it('is the published verdict, whatever came after it', () => {
    const facts = cleanFacts()
    const late = violation({ violation: 'lost', hop: 'topic:market.trades', stream: 0, ranges: [1, 1] })
    const outcome = outcomeOf(heard(...facts, judgedFact(facts), late), soonMs, limits)
    expect(outcome).toMatchObject({ kind: 'judged', judged: { verdict: 'pass' } })
    const told = toldOutcome(SAMPLE_RUN_ID, outcome as NonNullable<typeof outcome>)
    expect(told.exitCode).toBe(0)
    expect(told.lines[0]).toBe(`PASS  smoke  ${SAMPLE_RUN_ID}  in 9.5 s`)
    expect(told.lines.join('\n')).toContain('/r/report.md')
  })

  it('is a refusal of the very request, even when that was heard first', () => {
    const refusal: ResultMessage = {
      kind: 'request-refused',
      ...head,
      controlOffset: 7,
      problems: ['plan: no plan is named smok'],
      excerpt: '',
    }
    const followed = heard({ ...refusal, controlOffset: 6, problems: ['of another'] }, refusal)
    expect(outcomeOf(followed, soonMs, limits)).toBeNull()
    foldFollowed(followed, { type: 'control', offset: 7, atMs: 1, message: request })
    const outcome = outcomeOf(followed, soonMs, limits)
    const told = toldOutcome(SAMPLE_RUN_ID, outcome as NonNullable<typeof outcome>)
    expect(told.exitCode).toBe(64)
    expect(told.lines).toContain('  plan: no plan is named smok')
  })

  it('is inconclusive when nobody answers, and says who was heard', () => {
    const followed = heard()
    expect(outcomeOf(followed, limits.sinceMs + ANSWER_WAIT_MS, limits)).toBeNull()
    const overMs = limits.sinceMs + ANSWER_WAIT_MS + 1
    expect(outcomeOf(followed, overMs, limits)).toEqual({ kind: 'unanswered', silent: 'no agent was heard from' })
    const outcome = outcomeOf(heard(heartbeat('generator', overMs - 1_000), heartbeat('reporter', overMs - 60_000)), overMs, limits)
    expect(outcome).toEqual({ kind: 'unanswered', silent: 'heard from generator, and none of them answered' })
    expect(toldOutcome(SAMPLE_RUN_ID, { kind: 'unanswered', silent: 'x' }).exitCode).toBe(2)
  })

  it('is computed here when all stages are done and the reporter stays silent, which is no pass', () => {
    const followed = heard(...cleanFacts())
    expect(outcomeOf(followed, soonMs, limits)).toBeNull()
    expect(outcomeOf(followed, soonMs + VERDICT_WAIT_MS, limits)).toBeNull()
    const outcome = outcomeOf(followed, soonMs + VERDICT_WAIT_MS + 1, limits)
    expect(outcome).toMatchObject({
      kind: 'unjudged',
      judgement: { verdict: 'inconclusive', reasons: [expect.stringContaining('nothing was heard from reporter')] },
    })
    expect(toldOutcome(SAMPLE_RUN_ID, outcome as NonNullable<typeof outcome>).exitCode).toBe(2)
  })

  it('stays a fail when violations stand and the reporter is silent', () => {
    const lost = violation({ violation: 'lost', hop: 'topic:market.trades', stream: 0, ranges: [1, 1] })
    const followed = heard(...cleanFacts(), lost)
    outcomeOf(followed, soonMs, limits)
    expect(outcomeOf(followed, soonMs + VERDICT_WAIT_MS + 1, limits)).toMatchObject({ judgement: { verdict: 'fail' } })
  })

  it('waits for a stage under way until the time of the plan and a grace are over', () => {
    const facts = cleanFacts().filter((fact) => fact.kind !== 'stage-ended' || fact.stage !== 'probe')
    const followed = heard(...facts)
    expect(outcomeOf(followed, SAMPLE_START_MS + 120_000, limits)).toBeNull()
    const outcome = outcomeOf(followed, SAMPLE_START_MS + 151_000, limits)
    expect(outcome).toMatchObject({ kind: 'unjudged', judgement: { verdict: 'inconclusive' } })
  })

  it('waits no longer than it was told to', () => {
    const facts = cleanFacts().filter((fact) => fact.kind !== 'stage-ended' || fact.stage !== 'probe')
    const outcome = outcomeOf(heard(...facts), limits.sinceMs + 5_001, { ...limits, timeoutMs: 5_000 })
    expect(outcome).toMatchObject({ kind: 'unjudged', judgement: { verdict: 'inconclusive' } })
    expect((outcome as { judgement: { reasons: string[] } }).judgement.reasons.at(-1)).toBe('no verdict within 5000 ms')
  })
})

describe('the verdict computed again', () => {
  it('is told to equal the published one', () => {
    const facts = cleanFacts()
    const recomputed = judgeFromTopics([...facts, judgedFact(facts)])
    const told = toldRecomputed(SAMPLE_RUN_ID, recomputed as NonNullable<typeof recomputed>)
    expect(told.exitCode).toBe(0)
    expect(told.json).toMatchObject({ verdict: 'pass', published: 'pass', equal: true, differences: [] })
    expect(told.lines.at(-1)).toBe('equal to the verdict published by reporter, field by field')
  })

  it('is told to differ, field by field, which is a bug of ours', () => {
    const facts = cleanFacts()
    const forged = { ...judgedFact(facts), verdict: 'fail' as const, acknowledged: 999 }
    const recomputed = judgeFromTopics([...facts, forged])
    const told = toldRecomputed(SAMPLE_RUN_ID, recomputed as NonNullable<typeof recomputed>)
    expect(told.exitCode).toBe(70)
    expect(told.json).toMatchObject({
      equal: false,
      differences: ['verdict: recomputed "pass", published "fail"', 'acknowledged: recomputed 1000, published 999'],
    })
  })

  it('stands alone while none was published', () => {
    const recomputed = judgeFromTopics(cleanFacts())
    const told = toldRecomputed(SAMPLE_RUN_ID, recomputed as NonNullable<typeof recomputed>)
    expect(told.json).toMatchObject({ verdict: 'pass', published: null, equal: null })
  })
})

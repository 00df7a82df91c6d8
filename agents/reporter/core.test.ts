import { describe, expect, test } from 'vitest'
import type { RunFact } from '../../schemas/results.ts'
import { ABANDON_AFTER_MS } from '../../shared/core/admission.ts'
import { START_WITHIN_MS } from '../../shared/core/stage-rules.ts'
import { PlayedCore } from '../../shared/core/played-core.fixture.ts'
import { RUN, TABLE, accepted, chaosPlan, cleanFacts, smokePlan, told } from '../../shared/core/told-run.fixture.ts'
import { judgeFromTopics } from '../../shared/core/judge-again.ts'
import { isRunFact } from '../../shared/core/run-book.ts'
import { reporterCore, type ReporterEffect, type ReporterEvent, type ReporterState } from './core.ts'

const reporter = (...facts: RunFact[]) => new PlayedCore<ReporterState, ReporterEvent, ReporterEffect>(reporterCore).hear(...facts)
const clean = cleanFacts()
const lastEnd = clean.at(-1) as RunFact

describe('the reporter', () => {
  test('judges once all stages have ended, reports, and then publishes', () => {
    const played = reporter(...clean.slice(0, -1))
      .caughtUp()
      .until(1_000)
    expect(played.asked).toEqual([])
    played.hear(lastEnd).until(1_200)
    expect(played.take('write-reports')).toMatchObject([{ atMs: 1_200, judgement: { verdict: 'pass' } }])
    expect(played.saidOf('run-judged')).toEqual([])
    played.step({ type: 'reports-written', runId: RUN, paths: ['a.json'] })
    expect(played.saidOf('run-judged')).toMatchObject([{ verdict: 'pass', reasons: [], factsHeard: clean.length, reports: ['a.json'] }])
  })

  test('judges a run once, however often it is asked or hears', () => {
    const played = reporter(...clean)
      .caughtUp()
      .until(2_000)
    expect(played.take('write-reports')).toHaveLength(1)
    played.step({ type: 'reports-written', runId: RUN, paths: [] }).step({ type: 'reports-written', runId: RUN, paths: [] })
    played.hear(lastEnd).until(5_000)
    expect(played.saidOf('run-judged')).toHaveLength(1)
    expect(played.take('write-reports')).toEqual([])
  })

  test('tells once that a run fails, long before its verdict', () => {
    const played = reporter(...clean.slice(0, -1))
      .caughtUp()
      .until(1_000)
    expect(played.asked).toEqual([])
    played.hear(told('violation-found')).until(1_400)
    const reasons = [`1 lost at ${TABLE}`]
    expect(played.take('write-reports')).toMatchObject([{ isEarly: true, judgement: { verdict: 'fail', reasons } }])
    expect(played.said).toEqual([])
    played.step({ type: 'reports-written', runId: RUN, paths: ['early.json'] })
    played.hear(told('violation-found', { stream: 1 })).until(2_000)
    expect(played.saidOf('run-failing')).toMatchObject([{ verdict: 'fail', reasons, factsHeard: clean.length, reports: ['early.json'] }])
    expect(played.restart().until(2_400).asked).toEqual([])
    played.hear(lastEnd).until(2_800)
    expect(played.take('write-reports')).toMatchObject([{ isEarly: false, judgement: { verdict: 'fail' } }])
    played.step({ type: 'reports-written', runId: RUN, paths: ['a.json'] })
    expect(played.saidOf('run-judged')).toMatchObject([{ verdict: 'fail', revision: 0, reports: ['a.json'] }])
    expect(played.saidOf('run-failing')).toEqual([])
  })

  test('tells once more that a run fails when it is not only a matter of time', () => {
    const late = { stream: 0, ranges: [3, 4], violation: 'late' as const }
    const played = reporter(...clean.slice(0, -1), told('violation-found', late))
      .caughtUp()
      .until(1_000)
      .step({ type: 'reports-written', runId: RUN, paths: [] })
    played.hear(told('violation-found', { ...late, ranges: [7, 7] })).until(1_400)
    played.hear(told('violation-found')).until(1_800)
    played.step({ type: 'reports-written', runId: RUN, paths: [] })
    played.hear(told('violation-found', { stream: 1, violation: 'duplicated' })).until(2_200)
    expect(played.take('write-reports')).toHaveLength(2)
    expect(played.saidOf('run-failing').map(({ gravest }) => gravest?.violation)).toEqual(['late', 'lost'])
    expect(played.restart().until(2_600).asked).toEqual([])
  })

  test('killed before it could tell so it does it again; judged meanwhile by another it says no more', () => {
    const played = reporter(...clean.slice(0, -1), told('violation-found'))
      .caughtUp()
      .until(1_000)
    expect(played.take('write-reports')).toHaveLength(1)
    expect(played.restart().until(1_400).take('write-reports')).toMatchObject([{ isEarly: true }])
    played.hear(lastEnd, told('run-judged', { verdict: 'fail' }))
    played.step({ type: 'reports-written', runId: RUN, paths: [] })
    expect(played.said).toEqual([])
  })

  test('waits with its verdict until what it tells early is written, and looks again where a finding was taken back', () => {
    const played = reporter(...clean.slice(0, -1), told('violation-found'))
      .caughtUp()
      .until(1_000)
    played.take('write-reports')
    played.hear(told('correction', { becomes: null }), lastEnd).until(1_400)
    expect(played.asked).toEqual([])
    played.step({ type: 'reports-written', runId: RUN, paths: [] }).until(1_800)
    expect(played.take('write-reports')).toMatchObject([{ isEarly: false, judgement: { verdict: 'pass' } }])
  })

  test('does not tell so of what is no evidence against the pipeline', () => {
    const delayed = [
      told('canaries-produced', { acknowledged: [{ stream: 0, ranges: [0, 9] }], heldBackMs: 2_000 }),
      told('violation-found', { violation: 'late', stream: 0, ranges: [3, 4] }),
    ]
    const played = reporter(...clean.slice(0, -1), ...delayed)
    expect(played.caughtUp().until(1_000).asked).toEqual([])
  })

  test.each([
    ['healed', []],
    ['heal-failed', [`1 late at ${TABLE}`]],
  ] as const)('leaves alone what a fault of ours that stands may excuse, and looks again when it is %s', (phase, reasons) => {
    const changed = (said: 'injected' | typeof phase, atMs: number) => told('fault-changed', { phase: said, atMs, leaseUntilMs: 6_000 })
    const late = told('violation-found', { violation: 'late', atMs: 1_500 })
    const played = reporter(...cleanFacts(chaosPlan).slice(0, -1), changed('injected', 1_000), late)
      .caughtUp()
      .until(2_000)
    expect(played.asked).toEqual([])
    const early = played.hear(changed(phase, 2_000)).until(2_400).take('write-reports')
    expect(early.flatMap(({ judgement }) => judgement.reasons)).toEqual(reasons)
  })

  test('publishes a verdict although a report could not be written', () => {
    const played = reporter(...clean)
      .caughtUp()
      .until(200)
      .step({ type: 'reports-written', runId: RUN, paths: [] })
    expect(played.saidOf('run-judged')).toMatchObject([{ verdict: 'pass', reports: [] }])
  })

  test('judges nothing before it has read both topics: the verdict may stand there', () => {
    const played = reporter(...clean).until(2_000)
    expect(played.asked).toEqual([])
    played.hear(told('run-judged')).caughtUp().until(4_000)
    expect([...played.asked, ...played.said]).toEqual([])
  })

  test('killed between report and verdict judges again, and comes to the same', () => {
    const played = reporter(...clean, told('violation-found'))
      .caughtUp()
      .until(200)
    const [first] = played.take('write-reports')
    const [again] = played.restart().until(400).take('write-reports')
    expect(first?.judgement.verdict).toBe('fail')
    expect(again?.judgement).toEqual(first?.judgement)
  })

  test('says what anyone computes again from the topic', () => {
    const played = reporter(...clean.slice(0, -1), told('violation-found'), lastEnd)
      .caughtUp()
      .until(200)
    played.step({ type: 'reports-written', runId: RUN, paths: [] })
    const [verdict] = played.saidOf('run-judged')
    expect(verdict).toMatchObject({ verdict: 'fail', reasons: [`1 lost at ${TABLE}`, expect.stringContaining('fidelity')] })
    expect(judgeFromTopics(played.topic.filter(isRunFact))?.judgement).toMatchObject({
      verdict: verdict?.verdict,
      reasons: verdict?.reasons,
      hops: verdict?.hops,
    })
  })

  test('does not wait for ever for an agent that is not there, and names it', () => {
    const played = reporter(accepted()).caughtUp().until(START_WITHIN_MS)
    expect(played.asked).toEqual([])
    const [report] = played.until(START_WITHIN_MS + 400).take('write-reports')
    expect(report?.judgement).toMatchObject({
      verdict: 'inconclusive',
      reasons: expect.arrayContaining([expect.stringContaining('nothing was heard from ingestion-checker')]) as string[],
    })
  })

  test('judges on what there is when a stage never ends', () => {
    const stuck = clean.filter((fact) => fact.kind !== 'stage-ended' || fact.stage !== 'reconcile')
    const limitMs = smokePlan.timeoutMs + ABANDON_AFTER_MS / 2
    const played = reporter(...stuck)
      .caughtUp()
      .until(limitMs)
    expect(played.asked).toEqual([])
    const [report] = played.until(limitMs + 400).take('write-reports')
    expect(report?.judgement).toMatchObject({ verdict: 'inconclusive', reasons: ['stage reconcile of storage-reconciler did not end'] })
  })

  test('judges a cancelled run once what ran has stopped', () => {
    const under = [accepted(), told('stage-started', { stage: 'sight' })]
    const played = reporter(...under).caughtUp()
    played
      .step({ type: 'control', offset: 1, atMs: 0, message: { kind: 'run-cancelled', runId: RUN, reason: 'enough', requestedBy: 'me' } })
      .until(1_000)
    expect(played.asked).toEqual([])
    const [report] = played
      .hear(told('stage-ended', { stage: 'sight', outcome: 'cancelled' }))
      .until(1_200)
      .take('write-reports')
    expect(report?.judgement).toMatchObject({ verdict: 'inconclusive', reasons: expect.arrayContaining(['cancelled: enough']) as string[] })
  })

  test('amends its verdict where later facts change it, reports again, and leaves the first one standing on the topic', () => {
    const lost = told('violation-found', { ranges: [5, 5] })
    const played = reporter(...clean.slice(0, -1), lost, lastEnd)
      .caughtUp()
      .until(200)
    played.take('write-reports')
    played.step({ type: 'reports-written', runId: RUN, paths: [] })
    played.hear(told('correction', { atMs: 30_000 })).until(4_800)
    expect(played.take('write-reports')).toEqual([])
    expect(played.until(5_600).take('write-reports')).toMatchObject([{ judgement: { verdict: 'fail', reasons: [`1 late at ${TABLE}`] } }])
    played.step({ type: 'reports-written', runId: RUN, paths: ['again.json'] }).until(60_000)
    expect(played.saidOf('run-judged')).toMatchObject([
      { revision: 0, reasons: [`1 lost at ${TABLE}`, expect.stringContaining('fidelity')] },
      { revision: 1, reasons: [`1 late at ${TABLE}`], reports: ['again.json'] },
    ])
    expect(played.take('write-reports')).toEqual([])
    const again = judgeFromTopics(played.topic.filter(isRunFact))
    expect(again?.published?.revision).toBe(1)
    expect(again?.judgement.reasons).toEqual([`1 late at ${TABLE}`])
  })

  test('amends nothing for facts that change nothing, nor for the end of the series the run began', () => {
    const played = reporter(...clean)
      .caughtUp()
      .until(200)
    played.take('write-reports')
    played.step({ type: 'reports-written', runId: RUN, paths: [] })
    played.step({ type: 'control', offset: 9, atMs: 20_000, message: { kind: 'run-cancelled', runId: RUN, reason: '', requestedBy: 'me' } })
    played.hear(told('probe-answered', { batch: 99 })).until(60_000)
    expect(played.take('write-reports')).toEqual([])
    expect(played.saidOf('run-judged')).toHaveLength(1)
  })

  test('tells of windows that nobody ran that they are in doubt', () => {
    const window = { series: '01999999-0000-7000-8000-00000000000a', index: 3, indexLast: 7 }
    const played = reporter(accepted({ ...smokePlan, repeatEveryMs: 60_000 }, { window }))
      .caughtUp()
      .until(200)
    expect(played.take('write-reports')).toMatchObject([
      { judgement: { verdict: 'inconclusive', reasons: ['windows 3 to 7 were not run: no agent was there to begin in time'] } },
    ])
  })

  test('keeps evidence of what is judged only to amend it', () => {
    const core = reporterCore.init({
      speaker: { agent: 'reporter', instance: '1' },
      plans: new Map(),
      topology: undefined as never,
      recordSchema: '',
    })
    for (const fact of clean) reporterCore.step(core, { type: 'fact', fact })
    expect(core.works.evidence.size).toBe(1)
    reporterCore.step(core, { type: 'fact', fact: told('run-judged') })
    reporterCore.step(core, { type: 'fact', fact: told('violation-found') })
    expect(core.works.evidence.size).toBe(0)
  })
})

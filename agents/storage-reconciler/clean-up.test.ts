import { describe, expect, test } from 'vitest'
import { judgeFromTopics } from '../../shared/core/judge-again.ts'
import { PlayedCore } from '../../shared/core/played-core.fixture.ts'
import { isRunFact } from '../../shared/core/run-book.ts'
import { RUN, TABLE, cleanFacts, smokePlan } from '../../shared/core/told-run.fixture.ts'
import { planSchema } from '../../topology/plan.ts'
import { reconcilerCore, type ReconcilerState } from './core.ts'
import type { CleanUpResult, ReconcilerEffect, ReconcilerEvent } from './events.ts'

const CLEAN_UP = 'clean-up'
const plan = {
  ...smokePlan,
  exclusive: true,
  stages: [...smokePlan.stages, { stage: CLEAN_UP, task: 'clean-up', needs: ['reconcile', 'probe'], always: true, timeoutMs: 20_000 }],
}

/** A run of which everything has ended but its clean-up. */
const ended = () =>
  new PlayedCore<ReconcilerState, ReconcilerEvent, ReconcilerEffect>(reconcilerCore)
    .hear(...cleanFacts(plan).filter((fact) => !('stage' in fact && fact.stage === CLEAN_UP)))
    .caughtUp()
const cleaned = (result: CleanUpResult) => ({ type: 'cleaned-up', runId: RUN, stage: CLEAN_UP, result }) as const
const rows = (removed: number, left: number): CleanUpResult => ({ ok: true, tables: [{ hop: TABLE, rows: { removed, left } }] })

describe('clean-up', () => {
  test('begins once, when all it needs has ended, and tells what was removed', () => {
    const played = ended().until(1_000)
    expect(played.take('clean-up')).toMatchObject([{ runId: RUN, stage: CLEAN_UP }])
    played.step(cleaned(rows(40, 0))).step(cleaned(rows(0, 0)))
    expect(played.saidOf('stage-ended')).toMatchObject([{ stage: CLEAN_UP, outcome: 'ok', reason: `${TABLE}: 40 rows removed, 0 left` }])
  })

  test('is begun again by the process after the one that was killed', () => {
    expect(ended().until(1_000).restart().until(2_000).take('clean-up')).toHaveLength(1)
  })

  test.each<[CleanUpResult, string, string]>([
    [rows(30, 10), 'failed', '10 left'],
    [{ ok: false, reason: 'catalog away' }, 'failed', 'catalog away'],
    [{ ok: true, tables: [{ hop: TABLE, rows: null }] }, 'ok', 'rows stay'],
  ])('ends as it went, and the verdict stays what it was: %j', (result, outcome, reason) => {
    const played = ended().until(1_000).step(cleaned(result))
    expect(played.saidOf('stage-ended')).toMatchObject([{ outcome, reason: expect.stringContaining(reason) as string }])
    expect(judgeFromTopics(played.topic.filter(isRunFact))?.judgement).toMatchObject({ verdict: 'pass', reasons: [] })
  })

  test('that never ends is inconclusive after its time', () => {
    const played = ended().until(22_000)
    expect(played.saidOf('stage-ended')).toMatchObject([{ stage: CLEAN_UP, outcome: 'inconclusive' }])
  })

  test('needs a plan that no other run stands beside', () => {
    expect(planSchema.safeParse({ ...plan, exclusive: false }).error?.issues[0]?.message).toContain('exclusive')
    expect(planSchema.safeParse(plan).success).toBe(true)
  })
})

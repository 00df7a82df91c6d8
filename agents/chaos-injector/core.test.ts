import { describe, expect, test } from 'vitest'
import { SILENT_MS } from '../../shared/core/shares.ts'
import { told } from '../../shared/core/told-run.fixture.ts'
import { foldStanding, STANDING_KEPT_MAX, type StandingFaults } from './standing.ts'
import { AFTER_MS, DURATION_MS, LEASE_MS, RECOVER_WITHIN_MS, RUN, Story, TIMEOUT_MS, type Flaws } from './story.fixture.ts'

const CLEAN = ['journalled', 'injected', 'bit', 'healed', 'recovered']

/** The pipeline flows: 100 canaries acknowledged and in the table, 50 more acknowledged. */
function flowing(flaws: Flaws = {}): Story {
  const story = new Story(flaws)
  story.run(400)
  story.produced(0, 99)
  story.snapshot(0, 99)
  story.produced(100, 149)
  return story
}

/** All that is owed comes in one snapshot `afterMs` after the healing, and the generator goes on. */
function catchUp(story: Story, afterMs = 1_000): void {
  story.run(afterMs)
  story.produced(150, 160)
  story.snapshot(100, 149, (story.change('healed')?.atMs ?? 0) + afterMs)
  story.run(1_000)
}

test('a fault lives through its phases in order, and the time to recovery counts from the healing to the commit', () => {
  const story = flowing()
  expect(story.runUntil('healed')).toBe(true)
  catchUp(story, 1_400)
  expect(story.phases).toEqual(CLEAN)
  expect(story.change('recovered')).toMatchObject({ recoveryMs: 1_400 })
  expect(story.ended()).toMatchObject({ outcome: 'ok' })
  expect(story.ended('heal')).toMatchObject({ outcome: 'ok', reason: 'no fault stands' })
  expect(story.injections).toBe(1)
})

test('the intent is said before the injection is asked for, with the end of the lease', () => {
  const story = flowing()
  expect(story.runUntil('journalled')).toBe(true)
  expect(story.phases).toEqual(['journalled'])
  const { atMs, leaseUntilMs } = story.change('journalled')!
  expect(leaseUntilMs).toBe(atMs + LEASE_MS)
  expect(story.effects).toEqual([{ type: 'inject', atMs }])
})

test('it is healed when its duration is over, and not before', () => {
  const story = flowing()
  story.runUntil('bit')
  const injectedMs = story.change('injected')!.atMs
  story.runUntil('healed')
  const askedMs = story.effects.find(({ type }) => type === 'heal')!.atMs
  expect(askedMs - injectedMs).toBeGreaterThanOrEqual(DURATION_MS)
  expect(askedMs - injectedMs).toBeLessThan(DURATION_MS + 400)
})

test('nothing is injected before afterMs, nor before canaries are seen in the table', () => {
  const story = new Story()
  story.produced(0, 99)
  story.run(AFTER_MS + 5_000)
  expect(story.effects).toEqual([])
  story.snapshot(0, 99)
  story.run(400)
  expect(story.effects.map(({ type }) => type)).toEqual(['inject'])

  const early = new Story()
  early.snapshot(0, 0)
  early.run(AFTER_MS - 200)
  expect(early.effects).toEqual([])
})

test('a pipeline that never flows makes the experiment void, with the reason, and is left alone', () => {
  const story = new Story()
  story.run(TIMEOUT_MS + 2_000)
  expect(story.phases).toEqual(['void'])
  expect(story.change('void')!.detail).toContain('no canary of the run was seen in table:lake.trades within 60000 ms')
  expect(story.ended()).toMatchObject({ outcome: 'ok' })
  expect(story.injections).toBe(0)
})

test('a fault that did not take hold is void, and not called healed', () => {
  const story = flowing({ bites: false })
  story.run(5_000)
  expect(story.phases).toEqual(['journalled', 'void'])
  expect(story.lease).toBe('ended')
  expect(story.ended()).toMatchObject({ outcome: 'ok' })
})

test('a fault that would not go ends the stage as failed, and the clean-up says so too', () => {
  const story = flowing({ heals: false })
  story.run(AFTER_MS + DURATION_MS + 5_000)
  expect(story.phases).toEqual(['journalled', 'injected', 'bit', 'heal-failed'])
  expect(story.ended()).toMatchObject({ outcome: 'failed', reason: 'it would not go' })
  expect(story.ended('heal')).toMatchObject({ outcome: 'failed', reason: 'it would not go' })
})

test('what is owed and never comes is not recovered: how many of how many, and when the table was last seen to grow', () => {
  const story = flowing()
  story.runUntil('healed')
  story.snapshot(100, 139)
  story.run(RECOVER_WITHIN_MS + 1_000)
  expect(story.phases.at(-1)).toBe('not-recovered')
  expect(story.change('not-recovered')!.detail).toMatch(
    /^10 of 150 canaries are not in table:lake.trades 10000 ms after the healing; .*after it$/,
  )
  expect(story.ended()).toMatchObject({ outcome: 'ok' })
})

test('a recovery later than allowed is none, also when an injector that was down sees all of it at once', () => {
  const story = flowing()
  story.runUntil('healed')
  const healedMs = story.change('healed')!.atMs
  story.producedAll()
  story.snapshot(100, 149, healedMs + RECOVER_WITHIN_MS + 500)
  story.restart(RECOVER_WITHIN_MS + 1_000)
  story.run(400)
  expect(story.change('not-recovered')).toMatchObject({ recoveryMs: RECOVER_WITHIN_MS + 500 })
})

test('a canary that is lost for good does not hold recovery up', () => {
  const story = flowing()
  story.runUntil('healed')
  story.lost(120, 120)
  story.snapshot(100, 119)
  story.snapshot(121, 149)
  story.producedAll()
  story.run(400)
  expect(story.phases).toEqual(CLEAN)
})

test('recovery counts from the first snapshot that has the last canary, whatever is repeated later', () => {
  const story = flowing()
  story.runUntil('healed')
  const healedMs = story.change('healed')!.atMs
  story.snapshot(100, 149, healedMs + 700)
  story.snapshot(140, 149, healedMs + 5_000)
  story.producedAll()
  story.run(400)
  expect(story.change('recovered')).toMatchObject({ recoveryMs: 700 })
})

test('recovery waits for the ledger of the time before the healing', () => {
  const story = flowing()
  story.runUntil('healed')
  story.snapshot(100, 149)
  story.run(2_000)
  expect(story.phases.at(-1)).toBe('healed')
  story.produced(150, 160)
  story.run(400)
  expect(story.phases.at(-1)).toBe('recovered')
})

test('what came before the healing makes a recovery of 0 ms, never a negative one', () => {
  const story = flowing()
  story.snapshot(100, 149)
  story.runUntil('healed')
  catchUp(story)
  expect(story.change('recovered')).toMatchObject({ recoveryMs: 0 })
})

test('everything twice changes nothing', () => {
  const story = flowing()
  story.runUntil('healed')
  catchUp(story)
  const count = story.facts.length
  for (const fact of [...story.facts]) story.tell(fact as never)
  story.run(5_000)
  expect(story.facts.length).toBe(2 * count)
  expect(story.injections).toBe(1)
})

test.each(['journalled', 'injected', 'bit', 'healed', 'recovered'] as const)(
  'killed right after %s was said, it goes on from there, and injects once',
  (phase) => {
    const story = flowing()
    story.runUntil(phase === 'recovered' ? 'healed' : phase)
    if (phase === 'recovered') catchUp(story)
    story.restart()
    const injectedMs = story.change('injected')?.atMs
    story.runUntil('healed')
    if (phase !== 'recovered') catchUp(story)
    expect(story.phases).toEqual(CLEAN)
    expect(story.injections).toBe(1)
    expect(story.ended()).toMatchObject({ outcome: 'ok' })
    if (injectedMs !== undefined) expect(story.change('healed')!.atMs - injectedMs).toBeLessThan(DURATION_MS + 600)
  },
)

test('killed before it heard of its injection, it finds the fault standing and heals at the time planned from the injection', () => {
  const story = flowing({ silentOn: 'inject' })
  story.runUntil('journalled')
  const injectedMs = story.effects[0]!.atMs
  story.run(400)
  story.restart(1_000)
  expect(story.runUntil('healed')).toBe(true)
  expect(story.change('injected')!.atMs).toBe(injectedMs)
  expect(story.change('healed')!.atMs - injectedMs).toBeLessThan(DURATION_MS + 600)
  expect(story.injections).toBe(1)
})

test('killed before the injection, it calls the experiment void and does not inject after all', () => {
  const story = flowing()
  story.runUntil('journalled')
  story.lease = 'none'
  story.restart(1_000)
  story.run(2_000)
  expect(story.phases).toEqual(['journalled', 'void'])
  expect(story.injections).toBe(1)
  expect(story.effects.filter(({ type }) => type === 'inject').length).toBe(1)
})

test('down past the lease, it says that it was healed, and when, from the journal', () => {
  const story = flowing()
  story.runUntil('bit')
  story.run(2_000)
  story.healedByOthers()
  const healedMs = story.nowMs
  story.restart(20_000)
  story.runUntil('healed')
  expect(story.change('healed')).toMatchObject({ atMs: healedMs })
  expect(story.nowMs - healedMs).toBeLessThan(21_000)
})

test('a lease of which the journal holds no trace was not healed as far as anybody knows', () => {
  const story = flowing()
  story.runUntil('bit')
  story.lease = 'none'
  story.restart()
  story.run(1_000)
  expect(story.phases).toEqual(['journalled', 'injected', 'bit', 'heal-failed'])
  expect(story.ended()).toMatchObject({ outcome: 'failed' })
})

/** Long enough to look at a lease once more. */
const LOOK_AGAIN_MS = 31_000

test('a fault that would not go is told as healed once another has healed it, and when; its stage has failed all the same', () => {
  const story = flowing({ heals: false })
  story.runUntil('heal-failed')
  story.run(1_000)
  story.healedByOthers()
  const healedMs = story.nowMs
  story.run(LOOK_AGAIN_MS)
  expect(story.phases).toEqual(['journalled', 'injected', 'bit', 'heal-failed', 'healed'])
  expect(story.change('healed')).toMatchObject({ atMs: healedMs, fault: 'pause', target: 'connect', detail: 'state S' })
  expect(story.ended()).toMatchObject({ outcome: 'failed' })
  const looks = story.effects.length
  story.restart()
  story.run(2 * LOOK_AGAIN_MS)
  expect([story.phases.at(-1), story.changes.length, story.effects.length]).toEqual(['healed', 5, looks])
})

test('back after the verdict, it goes on asking for a fault that stands, and says once that it was healed, and when', () => {
  const story = flowing()
  story.runUntil('bit')
  story.judged()
  story.restart(1_000)
  story.run(LOOK_AGAIN_MS)
  expect(story.phases).toEqual(['journalled', 'injected', 'bit'])
  story.healedByOthers()
  const healedMs = story.nowMs
  story.run(2 * LOOK_AGAIN_MS)
  expect(story.phases).toEqual(['journalled', 'injected', 'bit', 'healed'])
  expect(story.change('healed')).toMatchObject({ atMs: healedMs })
  expect(story.effects.map(({ type }) => type)).toEqual(['inject', 'look-at-lease', 'look-at-lease', 'look-at-lease'])
})

test('of faults that nobody calls healed the newest are kept', () => {
  const standing: StandingFaults = new Map()
  for (let i = 0; i < 2 * STANDING_KEPT_MAX; i++) foldStanding(standing, told('fault-changed', { stage: `pause-${i}` }), 't')
  expect([standing.size, [...standing.values()].at(-1)?.stage]).toEqual([STANDING_KEPT_MAX, `pause-${2 * STANDING_KEPT_MAX - 1}`])
})

test('cancelled in the middle of the fault, it heals first and ends after', () => {
  const story = flowing()
  story.runUntil('bit')
  story.run(1_000)
  story.cancel()
  story.run(1_000)
  expect(story.phases).toEqual(['journalled', 'injected', 'bit', 'healed'])
  expect(story.lease).toBe('ended')
  const kinds = story.facts.map((fact) => (fact.kind === 'fault-changed' ? fact.phase : fact.kind === 'stage-ended' ? fact.stage : ''))
  expect(kinds.indexOf('healed')).toBeLessThan(kinds.indexOf('pause-sink'))
  expect(story.ended()).toMatchObject({ outcome: 'cancelled', reason: 'enough' })
  expect(story.ended('heal')).toMatchObject({ outcome: 'ok' })
})

test('cancelled while the injection is under way, it does not end before the fault is healed', () => {
  const story = flowing({ silentOn: 'inject' })
  story.runUntil('journalled')
  story.cancel()
  story.run(200)
  expect(story.ended()).toBeUndefined()
  expect(story.effects.map(({ type }) => type)).toEqual(['inject', 'heal'])
  story.run(1_000)
  expect(story.lease).toBe('ended')
  expect(story.ended()).toMatchObject({ outcome: 'cancelled' })
})

test('cancelled before the fault, nothing is injected', () => {
  const story = new Story()
  story.run(400)
  story.cancel()
  story.snapshot(0, 9)
  story.run(5_000)
  expect(story.effects.map(({ type }) => type)).not.toContain('inject')
  expect(story.phases).toEqual([])
  expect(story.ended()).toMatchObject({ outcome: 'cancelled' })
})

test('a clean-up that gets no answer does not call it clean', () => {
  const story = flowing({ silentOn: 'clear-leases' })
  story.runUntil('healed')
  catchUp(story)
  story.run(25_000)
  expect(story.ended('heal')).toMatchObject({ outcome: 'failed' })
  expect(story.ended('heal')!.reason).toContain('is not known')
})

describe('of which no more was told than the intent, a fault', () => {
  /** Injected, and its injector died before it said so. */
  function untold(): Story {
    const story = flowing({ silentOn: 'inject' })
    story.runUntil('journalled')
    story.run(2_000)
    return story
  }

  test('is void from when the journal says that it was healed', () => {
    const story = untold()
    story.healedByOthers()
    const healedMs = story.nowMs
    story.restart(20_000)
    story.run(1_000)
    expect(story.phases).toEqual(['journalled', 'void'])
    expect(story.change('void')).toMatchObject({ atMs: healedMs })
    expect(story.ended()).toMatchObject({ outcome: 'ok' })
  })

  test('is told and healed though its run was judged', () => {
    const story = untold()
    story.judged()
    story.restart(1_000)
    story.run(1_000)
    expect(story.phases).toEqual(['journalled', 'injected', 'bit', 'healed'])
    expect(story.lease).toBe('ended')
  })

  test('is void after the verdict, too, where the journal holds no trace of it', () => {
    const story = untold()
    story.lease = 'none'
    story.judged()
    story.restart(1_000)
    story.run(1_000)
    expect(story.phases).toEqual(['journalled', 'void'])
    const looks = story.effects.length
    story.run(2 * LOOK_AGAIN_MS)
    expect(story.effects.length).toBe(looks)
  })
})

describe('a fault that another injector calls void', () => {
  const bites = (story: Story) =>
    story.step({ type: 'bitten', runId: RUN, stage: 'pause-sink', injectedAtMs: story.nowMs, evidence: 'state T', detail: 'lease' })

  test('while its injection is under way is told and healed at once, and ends no stage before', () => {
    const story = flowing({ silentOn: 'inject' })
    story.runUntil('journalled')
    story.said('u', 'void')
    story.run(1_000)
    expect(story.ended()).toBeUndefined()
    bites(story)
    story.run(1_000)
    expect(story.phases).toEqual(['journalled', 'void', 'injected', 'bit', 'healed'])
    expect(story.lease).toBe('ended')
    expect(story.ended()).toMatchObject({ outcome: 'ok' })
  })

  test('is told and healed though the other has ended its stage', () => {
    const story = flowing({ silentOn: 'inject' })
    story.runUntil('journalled')
    story.said('u', 'void')
    story.tell({ kind: 'stage-ended', stage: 'pause-sink', outcome: 'ok', reason: '' })
    bites(story)
    expect(story.effects.at(-1)).toMatchObject({ type: 'heal' })
    story.run(1_000)
    expect(story.phases).toEqual(['journalled', 'void', 'injected', 'bit', 'healed'])
  })

  test('after it bit is healed at once, and told so', () => {
    const story = flowing()
    story.runUntil('bit')
    story.said('u', 'void')
    story.run(1_000)
    expect(story.phases).toEqual(['journalled', 'injected', 'bit', 'void', 'healed'])
    expect(story.ended()).toMatchObject({ outcome: 'ok' })
  })

  test('and had journalled in the same moment is carried on', () => {
    const story = flowing({ silentOn: 'inject' })
    story.runUntil('journalled')
    story.said('u', 'journalled')
    story.said('u', 'void')
    story.run(400)
    bites(story)
    story.run(1_000)
    expect(story.phases).toEqual(['journalled', 'journalled', 'void', 'injected', 'bit', 'healed'])
  })

  test('and whose injection was refused is void', () => {
    const story = flowing({ silentOn: 'inject' })
    story.runUntil('journalled')
    story.said('u', 'void')
    story.step({ type: 'no-lease', runId: RUN, stage: 'pause-sink', detail: 'not injected' })
    story.run(400)
    expect(story.phases).toEqual(['journalled', 'void', 'void'])
    expect(story.ended()).toMatchObject({ outcome: 'ok' })
  })
})

describe('a fault that another injector has journalled', () => {
  function ofAnother(...phases: ('injected' | 'bit')[]): Story {
    const story = flowing()
    for (const phase of ['journalled', ...phases] as const) story.said('u', phase, story.nowMs + 40_000)
    return story
  }

  test('is left to it while it is heard, and taken over once it is silent', () => {
    const story = ofAnother()
    story.beating.add('u')
    story.run(20_000)
    expect([story.effects, story.phases]).toEqual([[], ['journalled']])
    story.beating.delete('u')
    story.healedByOthers()
    const healedMs = story.nowMs
    story.run(SILENT_MS - 6_000)
    expect(story.effects).toEqual([])
    story.run(7_000)
    expect(story.phases).toEqual(['journalled', 'void'])
    expect(story.change('void')).toMatchObject({ atMs: healedMs })
    expect(story.ended()).toMatchObject({ outcome: 'ok' })
  })

  test('is left to it while nobody is heard, and as long again once the topic goes on', () => {
    const story = ofAnother()
    story.beating.add('u')
    story.run(10_000)
    story.beating.clear()
    story.run(20_000)
    expect(story.effects).toEqual([])
    story.beating.add('t')
    story.run(SILENT_MS - 1_000)
    story.beating.add('u')
    story.run(10_000)
    expect([story.effects, story.phases]).toEqual([[], ['journalled']])
  })

  test('is not called healed, nor void, nor what would not go, by one that does not see its lease', () => {
    const story = ofAnother('injected', 'bit')
    story.run(35_000)
    expect(story.effects.map(({ type }) => type)).toEqual(['heal'])
    expect(story.ended()).toBeUndefined()
    story.run(20_000)
    expect(story.phases).toEqual(['journalled', 'injected', 'bit'])
    expect(story.ended()).toMatchObject({ outcome: 'failed', reason: expect.stringContaining('instance u, which has its lease') as string })
  })

  test('and of which the lease is not seen is let go of after the verdict, once its time is over', () => {
    const story = ofAnother()
    story.judged()
    story.run(60_000)
    expect(story.effects.map(({ type }) => type)).toEqual(['look-at-lease', 'look-at-lease'])
    story.run(2 * LOOK_AGAIN_MS)
    expect([story.effects.length, story.phases]).toEqual([2, ['journalled']])
  })

  test('is healed by one that sees its lease, when it is due', () => {
    const story = ofAnother('injected', 'bit')
    story.lease = 'open'
    story.run(25_000)
    expect(story.phases).toEqual(['journalled', 'injected', 'bit', 'healed'])
  })
})

test('who journalled a fault heals it as planned though the run has become the work of another', () => {
  const story = flowing()
  story.runUntil('bit')
  story.step({ type: 'shares-changed', of: 2, held: [] })
  story.run(DURATION_MS + 1_000)
  expect(story.phases).toEqual(['journalled', 'injected', 'bit', 'healed'])
  expect(story.lease).toBe('ended')
})

test('a lease that cannot be looked at is looked at again, and its fault healed when that is due', () => {
  const story = flowing({ silentOn: 'look-at-lease' })
  story.runUntil('bit')
  story.restart()
  expect(story.runUntil('healed')).toBe(true)
  expect(story.effects.map(({ type }) => type)).toEqual(['inject', 'look-at-lease', 'heal'])
  expect(story.phases).toEqual(['journalled', 'injected', 'bit', 'healed'])
})

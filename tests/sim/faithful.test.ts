import { describe, expect, test } from 'vitest'
import { seeds } from './planted.ts'
import { simulate } from './world.ts'

describe('the agents together, on a pipeline that is faithful', () => {
  test('accuse no faithful pipeline, whatever the schedule draws', () => {
    for (const seed of seeds) {
      const { verdict, found, facts } = simulate({ seed, defect: 'none' })
      const early = facts.filter(({ kind }) => kind === 'run-failing')
      const { reasons } = verdict
      expect({ seed, verdict: verdict.verdict, found, reasons, early }).toEqual({
        seed,
        verdict: 'pass',
        found: [],
        reasons: [],
        early: [],
      })
    }
  })
  test.each(['generator', 'ingestion-checker', 'storage-reconciler', 'query-prober', 'chaos-injector'] as const)(
    'call a run inconclusive, and name %s, when it was never there',
    (absent) => {
      for (const seed of seeds.slice(0, 20)) {
        const { verdict, found } = simulate({ seed, defect: 'none', absent, pauses: true })
        expect({ seed, verdict: verdict.verdict, found }).toEqual({ seed, verdict: 'inconclusive', found: [] })
        expect(verdict.reasons.join('\n')).toContain(`nothing was heard from ${absent}`)
      }
    },
  )
  test.each([undefined, 'chaos-injector', 'storage-reconciler', 'reporter'] as const)(
    'see a paused sink recover, and hold nothing against it, though %s is killed',
    (crash) => {
      let recovered = 0
      for (const seed of seeds.slice(0, 40)) {
        const { verdict, found } = simulate({ seed, defect: 'none', pauses: true, crash })
        // Killed between the intent and the fault: nothing was disturbed, so nothing is proved.
        const isVoid = crash === 'chaos-injector' && verdict.reasons.join().includes('did not take hold')
        expect({ seed, found, verdict: verdict.verdict }).toEqual({ seed, found: [], verdict: isVoid ? 'inconclusive' : 'pass' })
        if (isVoid) continue
        recovered++
        expect(verdict.recoveries).toEqual([{ fault: 'pause', target: 'sink', recoveryMs: expect.any(Number) as number }])
      }
      expect(recovered).toBeGreaterThan(25)
    },
  )
  test.each([
    { downMs: 35_000, verdict: 'pass' },
    { downMs: Infinity, verdict: 'inconclusive' },
  ])('never say that a pipeline did not recover when nobody read its table for $downMs ms', ({ downMs, verdict: expected }) => {
    let blind = 0
    for (const seed of seeds.slice(0, 40)) {
      const { verdict, found, facts } = simulate({ seed, defect: 'none', pauses: true, crash: 'storage-reconciler', downMs })
      if (!facts.some((fact) => fact.kind === 'fault-changed' && fact.phase === 'not-recovered')) continue
      blind++
      expect({ seed, found, verdict: verdict.verdict }).toEqual({ seed, found: [], verdict: expected })
      if (expected === 'inconclusive')
        expect(verdict.reasons.join()).toContain('whether the pipeline recovered from pause of sink is not known')
      else expect(verdict.recoveries).toEqual([{ fault: 'pause', target: 'sink', recoveryMs: expect.any(Number) as number }])
    }
    expect(blind).toBeGreaterThan(5)
  })
  test('say so of a sink that never goes on', () => {
    let stuck = 0
    for (const seed of seeds.slice(0, 40)) {
      const { verdict, found, facts } = simulate({ seed, defect: 'none', pauses: true, staysPaused: true })
      // Paused when all was in the table already.
      if (facts.some((fact) => fact.kind === 'fault-changed' && fact.phase === 'recovered')) continue
      stuck++
      expect({ seed, found, verdict: verdict.verdict }).toEqual({ seed, found: [], verdict: 'fail' })
      expect(verdict.reasons[0]).toMatch(/^not-recovered: pause of sink: \d+ of \d+ canaries are not in table/)
    }
    expect(stuck).toBeGreaterThan(5)
  })
  test('say of a generator that sends late what it is: no evidence of a late pipeline', () => {
    let doubted = 0
    for (const seed of seeds.slice(0, 40)) {
      const { verdict, found } = simulate({ seed, defect: 'none', generatorLagMs: 400 + (seed % 4) * 3_000 })
      const late = found.some((finding) => finding.startsWith('late '))
      if (late) doubted++
      expect({ seed, verdict: verdict.verdict }).toEqual({ seed, verdict: late ? 'inconclusive' : 'pass' })
      for (const reason of verdict.reasons) expect(reason).toContain('the generator itself sent them up to')
    }
    expect(doubted).toBeGreaterThan(10)
  })
  test('hold nothing against the pipeline of which a generator that sends late did not live to say so', () => {
    let untold = 0
    for (const seed of seeds.slice(0, 120)) {
      const { verdict } = simulate({ seed, defect: 'none', generatorLagMs: 400 + (seed % 4) * 3_000, crash: 'generator' })
      expect({ seed, verdict: verdict.verdict, reasons: verdict.reasons }).not.toMatchObject({ verdict: 'fail' })
      if (verdict.reasons.some((reason) => reason.includes('was gone before it told'))) untold++
    }
    expect(untold).toBeGreaterThan(2)
  })
  test.each(['generator', 'ingestion-checker', 'storage-reconciler', 'query-prober', 'reporter'] as const)(
    'accuse nobody though %s hears late what the others say',
    (deaf) => {
      for (const seed of seeds.slice(0, 100)) {
        const { verdict, found } = simulate({ seed, defect: 'none', deaf })
        // It hears late that it may write.
        const isOwn = deaf === 'generator' && found.length > 0
        if (isOwn) expect(verdict.reasons.filter((reason) => !reason.includes('the generator itself sent them'))).toEqual([])
        else expect({ seed, found }).toEqual({ seed, found: [] })
        expect({ seed, verdict: verdict.verdict }).toEqual({ seed, verdict: isOwn ? 'inconclusive' : 'pass' })
      }
    },
  )
  test('give one trace for one seed', () => {
    for (const seed of seeds.slice(0, 20)) expect(simulate({ seed, defect: 'delay' }).trace).toBe(simulate({ seed, defect: 'delay' }).trace)
  })
})

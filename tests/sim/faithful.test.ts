import { describe, expect, test } from 'vitest'
import { seeds } from './planted.ts'
import { simulate } from './world.ts'

describe('the agents together, on a pipeline that is faithful', () => {
  test('accuse no faithful pipeline, whatever the schedule draws', () => {
    for (const seed of seeds) {
      const { verdict, found } = simulate({ seed, defect: 'none' })
      expect({ seed, verdict: verdict.verdict, found, reasons: verdict.reasons }).toEqual({ seed, verdict: 'pass', found: [], reasons: [] })
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
      for (const seed of seeds.slice(0, 60)) {
        const { verdict, found } = simulate({ seed, defect: 'none', pauses: true, crash })
        // Killed between the intent and the fault: nothing was disturbed, so nothing is proved.
        const isVoid = crash === 'chaos-injector' && verdict.reasons.join().includes('did not take hold')
        expect({ seed, found, verdict: verdict.verdict }).toEqual({ seed, found: [], verdict: isVoid ? 'inconclusive' : 'pass' })
        if (isVoid) continue
        recovered++
        expect(verdict.recoveries).toEqual([{ fault: 'pause', target: 'sink', recoveryMs: expect.any(Number) as number }])
      }
      expect(recovered).toBeGreaterThan(40)
    },
  )
  test('give one trace for one seed', () => {
    for (const seed of seeds.slice(0, 20)) expect(simulate({ seed, defect: 'delay' }).trace).toBe(simulate({ seed, defect: 'delay' }).trace)
  })
})

import { describe, expect, test } from 'vitest'
import type { AgentName } from '../../shared/core/agent.ts'
import { plantedDefects, type PlantedDefect } from '../../shared/sim/pipeline.ts'
import { hopNames } from './topology.ts'
import { simulate, type SimReport } from './world.ts'

const seeds = Array.from({ length: Number(process.env['SIM_SEEDS'] ?? 500) }, (_, seed) => seed)
const defects = Object.keys(plantedDefects) as PlantedDefect[]
const mortals: AgentName[] = ['generator', 'ingestion-checker', 'storage-reconciler', 'query-prober', 'chaos-injector', 'reporter']

/** What must be reported, and nothing else may be: `violation hop stream/seq`. */
function mustBeFound(defect: PlantedDefect, { planted, ledger }: SimReport): string[] {
  const { violation, hop } = plantedDefects[defect]
  // At the first hop the ledger is the measure: what it does not vouch for is unknown, and nobody's fault.
  const isOwed = ({ stream, seq }: { stream: number; seq: number }) =>
    hop !== 'raw' || (violation === 'lost' ? ledger.acknowledged : ledger.failed).has(stream, seq)
  return [...new Set(planted.filter(isOwed).map(({ stream, seq }) => `${violation} ${hopNames[hop]} ${stream}/${seq}`))].sort()
}

/** A generator that dies with everything in doubt vouches for nothing: then there is no evidence, and no pass. */
const vouchedForNothing = ({ verdict }: SimReport) => verdict.acknowledged === 0

describe('the agents together, on the simulated pipeline', () => {
  test('accuse no faithful pipeline, whatever the schedule draws', () => {
    for (const seed of seeds) {
      const { verdict, found } = simulate({ seed, defect: 'none' })
      expect({ seed, verdict: verdict.verdict, found, reasons: verdict.reasons }).toEqual({ seed, verdict: 'pass', found: [], reasons: [] })
    }
  })

  test.each(defects)('name exactly the records of a planted %s', (defect) => {
    let plantedRuns = 0
    for (const seed of seeds.filter((_, index) => index % 3 === defects.indexOf(defect) % 3)) {
      const report = simulate({ seed, defect })
      const expected = mustBeFound(defect, report)
      if (expected.length > 0) plantedRuns++
      expect({ seed, verdict: report.verdict.verdict, found: report.found }).toEqual({
        seed,
        verdict: expected.length > 0 ? 'fail' : 'pass',
        found: expected,
      })
    }
    // Guards against a pipeline that never errs: such a suite would pass and prove nothing.
    expect(plantedRuns).toBeGreaterThan(seeds.length / 3 / 2)
  })

  test.each(mortals)('come to the same verdict when %s is killed in mid-run and started again', (crash) => {
    let plantedRuns = 0
    for (const seed of seeds.filter((_, index) => index % 3 === mortals.indexOf(crash) % 3)) {
      const defect = seed % 4 === 0 ? 'none' : (defects[(seed >> 1) % defects.length] as PlantedDefect)
      const report = simulate({ seed, defect, crash })
      const expected = defect === 'none' ? [] : mustBeFound(defect, report)
      if (expected.length > 0) plantedRuns++
      const verdict = expected.length > 0 ? 'fail' : vouchedForNothing(report) ? 'inconclusive' : 'pass'
      expect({ seed, defect, verdict: report.verdict.verdict, found: report.found }).toEqual({ seed, defect, verdict, found: expected })
    }
    expect(plantedRuns).toBeGreaterThan(seeds.length / 3 / 4)
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

  test('publish the verdict that the topics alone give', () => {
    for (const seed of seeds.slice(0, 100)) {
      const { verdict, recomputed } = simulate({
        seed,
        defect: defects[seed % defects.length] as PlantedDefect,
        crash: mortals[seed % mortals.length],
      })
      expect({ ...verdict, ...recomputed }).toEqual(verdict)
    }
  })

  test('give one trace for one seed', () => {
    for (const seed of seeds.slice(0, 20)) expect(simulate({ seed, defect: 'delay' }).trace).toBe(simulate({ seed, defect: 'delay' }).trace)
  })
})

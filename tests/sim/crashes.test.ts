import { describe, expect, test } from 'vitest'
import type { AgentName } from '../../shared/core/agent.ts'
import type { PlantedDefect } from '../../shared/sim/planted-defects.ts'
import { defects, mustBeFound, seeds, verdictOf } from './planted.ts'
import { simulate, type SimReport } from './world.ts'

const mortals: AgentName[] = ['generator', 'ingestion-checker', 'storage-reconciler', 'query-prober', 'chaos-injector', 'reporter']

/** A generator that dies with everything in doubt vouches for nothing: then there is no evidence, and no pass. */
const vouchedForNothing = ({ verdict }: SimReport) => verdict.acknowledged === 0

describe('the agents together, while one of them dies', () => {
  test.each(mortals)('come to the same verdict when %s is killed in mid-run and started again', (crash) => {
    let plantedRuns = 0
    for (const seed of seeds.filter((_, index) => index % mortals.length === mortals.indexOf(crash))) {
      const defect = seed % 4 === 0 ? 'none' : (defects[(seed >> 1) % defects.length] as PlantedDefect)
      const report = simulate({ seed, defect, crash })
      const expected = defect === 'none' ? [] : mustBeFound(defect, report)
      if (expected.length > 0) plantedRuns++
      const verdict = expected.length === 0 && vouchedForNothing(report) ? 'inconclusive' : verdictOf(expected, report)
      expect({ seed, defect, verdict: report.verdict.verdict, found: report.found }).toEqual({ seed, defect, verdict, found: expected })
    }
    expect(plantedRuns).toBeGreaterThan(seeds.length / mortals.length / 4)
  })
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
})

import { describe, expect, test } from 'vitest'
import { ofTime } from '../../shared/core/gravity.ts'
import { defects, mustBeFound, seeds } from './planted.ts'
import { simulate } from './world.ts'

/** Of the seeds, each defect has one share, so that all seeds are used and check stays short. */
const SHARES = defects.length

describe('the agents together, on a pipeline that errs', () => {
  test.each(defects)('name exactly the records of a planted %s', (defect) => {
    let plantedRuns = 0
    let toldEarly = 0
    for (const seed of seeds.filter((_, index) => index % SHARES === defects.indexOf(defect))) {
      const report = simulate({ seed, defect })
      const expected = mustBeFound(defect, report)
      if (expected.length > 0) plantedRuns++
      // The bus may hold a fact twice.
      const failing = report.facts.filter((fact) => fact.kind === 'run-failing')
      const early = new Set(failing.map(({ atMs }) => atMs)).size
      const isTimeFirst = failing.some(({ gravest }) => gravest !== null && ofTime.has(gravest.violation))
      toldEarly += early
      expect(early, `seed ${seed}`).toBeLessThanOrEqual(expected.length === 0 ? 0 : isTimeFirst ? 2 : 1)
      expect({ seed, verdict: report.verdict.verdict, found: report.found }).toEqual({
        seed,
        verdict: expected.length > 0 ? 'fail' : 'pass',
        found: expected,
      })
    }
    // Guards against a pipeline that never errs: such a suite would pass and prove nothing.
    expect(plantedRuns).toBeGreaterThan(seeds.length / SHARES / 2)
    expect(toldEarly).toBeGreaterThan(plantedRuns / 2)
  })
  test.each([
    ['hears late when it was due', {}],
    ['is killed before it hears when it was due', { deafForMs: 30_000, crash: 'ingestion-checker', crashAfterMs: 20_000 }],
  ] as const)('name what came late, though the checker %s', (_what, away) => {
    let plantedRuns = 0
    for (const seed of seeds.slice(0, 40)) {
      const report = simulate({ seed, defect: 'delay', deaf: 'ingestion-checker', ...away })
      const expected = mustBeFound('delay', report)
      if (expected.length > 0) plantedRuns++
      expect({ seed, found: report.found }).toEqual({ seed, found: expected })
    }
    expect(plantedRuns).toBeGreaterThan(10)
  })
})

import { describe, expect, test } from 'vitest'
import { gatewayDefects, plantedDefects, type PlantedDefect } from '../../shared/sim/planted-defects.ts'
import { mustBeFound, seeds } from './planted.ts'
import { SOURCE_HOP, hopNames } from './topology.ts'
import { simulate, type SimReport } from './world.ts'

/** What goes wrong while canaries are written shows at the source, not at the topic behind it. */
function mustBeFoundBehindSource(defect: PlantedDefect, report: SimReport): string[] {
  const shown = mustBeFound(defect, report)
  return defect in gatewayDefects ? shown : shown.map((finding) => finding.replace(` ${hopNames.raw} `, ` ${SOURCE_HOP} `))
}

const every = { ...plantedDefects, ...gatewayDefects }
const defects = Object.keys(every) as PlantedDefect[]

describe('the agents together, on a pipeline whose canaries go in outside of Kafka', () => {
  test('accuse no faithful one, whoever of them is killed', () => {
    for (const seed of seeds.slice(0, 60)) {
      const crash = ([undefined, 'ingestion-checker', 'storage-reconciler', undefined] as const)[seed % 4]
      const { verdict, found } = simulate({ seed, defect: 'none', source: true, crash })
      expect({ seed, verdict: verdict.verdict, found, reasons: verdict.reasons }).toEqual({ seed, verdict: 'pass', found: [], reasons: [] })
      expect(verdict.hops.map(({ hop, sighted }) => [hop, sighted])).toContainEqual([SOURCE_HOP, verdict.acknowledged])
    }
  })

  test.each(defects)('name exactly the records of a planted %s', (defect) => {
    let plantedRuns = 0
    const own = seeds.filter((_, index) => index % defects.length === defects.indexOf(defect))
    for (const seed of own) {
      const report = simulate({ seed, defect, source: true })
      const expected = mustBeFoundBehindSource(defect, report)
      if (expected.length > 0) plantedRuns++
      const verdict = expected.length > 0 ? 'fail' : 'pass'
      expect({ seed, verdict: report.verdict.verdict, found: report.found }).toEqual({ seed, verdict, found: expected })
    }
    expect(plantedRuns).toBeGreaterThan(own.length / 2)
  })
})

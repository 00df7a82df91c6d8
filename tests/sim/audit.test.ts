import { describe, expect, test } from 'vitest'
import type { AgentName } from '../../shared/core/agent.ts'
import { streamOfPartition } from '../../shared/core/audit-findings.ts'
import { otherDefects, plantedOthers, type OtherDefect } from '../../shared/sim/all-traffic.ts'
import type { PlantedDefect } from '../../shared/sim/planted-defects.ts'
import { couldNotBePlanted, defects, mustBeFound, seeds } from './planted.ts'
import { TABLE_HOP } from './topology.ts'
import { simulate, type SimReport } from './world.ts'

/** What must be named of records that are no canaries, in the windows that were to be compared. */
function othersFound({ facts, pipeline }: SimReport, defect: OtherDefect): string[] {
  const due = facts.flatMap((fact) => (fact.kind === 'audit-due' ? fact.windows : []))
  const named = due.flatMap(({ partition, offsetFirst, offsetLast }) =>
    plantedOthers(pipeline, partition, { interval: [offsetFirst, offsetLast], defect }).map(
      (offset) => `${otherDefects[defect]} ${TABLE_HOP} ${streamOfPartition(partition)}/${offset}`,
    ),
  )
  return [...new Set(named)].sort()
}

const kinds = Object.keys(otherDefects) as OtherDefect[]

/** A third of the seeds each, so that check stays short. */
const THIRD = seeds.filter((seed) => seed % 3 === 0)
const mortals: (AgentName | undefined)[] = [undefined, 'ingestion-checker', 'storage-reconciler', 'reporter']

describe('an audit of all traffic', () => {
  test('accuses no faithful pipeline, whoever dies meanwhile, and compares what there is', () => {
    for (const seed of THIRD) {
      const { verdict, found, facts } = simulate({ seed, defect: 'none', audits: true, crash: mortals[seed % mortals.length] })
      expect({ seed, verdict: verdict.verdict, found, reasons: verdict.reasons }).toEqual({ seed, verdict: 'pass', found: [], reasons: [] })
      expect(
        facts.some((fact) => fact.kind === 'audit-window' && fact.side === 'table' && fact.prints.some(({ count }) => count > 0)),
      ).toBe(true)
    }
  })
  test.each(kinds)('names exactly the records of others that a sink gets wrong: %s', (otherDefect) => {
    let plantedRuns = 0
    const share = THIRD.filter((_, index) => index % kinds.length === kinds.indexOf(otherDefect))
    for (const seed of share) {
      const report = simulate({
        seed,
        defect: 'none',
        audits: true,
        otherDefect,
        crash: mortals[Math.floor(seed / (3 * kinds.length)) % mortals.length],
      })
      const expected = othersFound(report, otherDefect)
      if (expected.length > 0) plantedRuns++
      const verdict = expected.length > 0 ? 'fail' : 'pass'
      expect({ seed, verdict: report.verdict.verdict, found: report.found }).toEqual({ seed, verdict, found: expected })
    }
    expect(plantedRuns).toBeGreaterThan(share.length / 2)
  })
  test('names a canary as the canary it is, and once', () => {
    for (const seed of THIRD.slice(0, 60)) {
      const defect = defects[seed % defects.length] as PlantedDefect
      const report = simulate({ seed, defect, audits: true })
      const expected = mustBeFound(defect, report)
      expect({ seed, defect, found: report.found }).toEqual({ seed, defect, found: expected })
    }
  })
  test('takes canaries that are defective on purpose as the topic has them', () => {
    let passed = 0
    const chosen = seeds.slice(0, 30)
    for (const seed of chosen) {
      const { verdict, found, facts } = simulate({ seed, defect: 'none', audits: true, mirror: 4 })
      const reasons = verdict.reasons.filter((reason) => !couldNotBePlanted(reason))
      expect({ seed, found, reasons }).toEqual({ seed, found: [], reasons: [] })
      expect(facts.some(({ kind }) => kind === 'mirror-defect-seen')).toBe(true)
      if (verdict.verdict === 'pass') passed++
    }
    expect(passed).toBeGreaterThan(chosen.length * 0.9)
  })
  test('gives the verdict that the topics alone give', () => {
    for (const seed of seeds.slice(0, 20)) {
      const { verdict, recomputed } = simulate({ seed, defect: 'none', audits: true, otherDefect: 'change-other' })
      expect({ ...verdict, ...recomputed }).toEqual(verdict)
    }
  })
})

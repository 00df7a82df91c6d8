import { describe, expect, test } from 'vitest'
import { deleteRows, rollBack, rollBackAndForward } from '../../shared/sim/disturbances.ts'
import type { SimPipeline } from '../../shared/sim/pipeline.ts'
import type { SimRow } from '../../shared/sim/table.ts'
import { mustBeFound, seeds } from './planted.ts'
import { hopNames } from './topology.ts'
import { simulate } from './world.ts'

const some = seeds.slice(0, 24)
const killed = [undefined, 'storage-reconciler'] as const

const lostOf = (rows: readonly SimRow[]) => [...new Set(rows.map(({ stream, seq }) => `lost ${hopNames.table} ${stream}/${seq}`))].sort()

describe('a table that changes while a run is under way', () => {
  test.each(
    killed.flatMap((crash) => [
      {
        what: 'what the snapshots brought that it was set back from',
        lose: (pipeline: SimPipeline, seed: number) => rollBack(pipeline, 1 + (seed % 3)),
        runsOf: 5,
        crash,
      },
      {
        what: 'the rows that a later snapshot deletes',
        lose: (pipeline: SimPipeline, seed: number) => deleteRows(pipeline, 2 + (seed % 9)),
        runsOf: 2,
        crash,
      },
    ]),
  )('has lost $what, and nothing else (killed: $crash)', ({ lose, runsOf, crash }) => {
    let lostRuns = 0
    for (const seed of some) {
      let lost: readonly SimRow[] = []
      const { verdict, found } = simulate({
        seed,
        defect: 'none',
        crash,
        disturb: (pipeline) => {
          lost = lose(pipeline, seed)
        },
      })
      const expected = lostOf(lost)
      if (expected.length > 0) lostRuns++
      expect({ seed, found, verdict: verdict.verdict }).toEqual({ seed, found: expected, verdict: expected.length > 0 ? 'fail' : 'pass' })
    }
    expect(lostRuns).toBeGreaterThan(some.length / runsOf)
  })

  test.each(killed)('has lost nothing once it is set forward again (killed: %s)', (crash) => {
    let setBack = 0
    for (const seed of some) {
      const { verdict, found, facts } = simulate({
        seed,
        defect: 'none',
        crash,
        disturb: (pipeline, later) => {
          rollBackAndForward(pipeline, 1 + (seed % 3), later)
        },
      })
      if (facts.some((fact) => fact.kind === 'correction')) setBack++
      expect({ seed, found, verdict: verdict.verdict }).toEqual({ seed, found: [], verdict: 'pass' })
    }
    expect(setBack).toBeGreaterThan(some.length / 6)
  })

  test.each(killed)('has lost nobody who may be in a file that cannot be read: the file is told (killed: %s)', (crash) => {
    let spoilt = 0
    for (const seed of some) {
      const { verdict, found, pipeline } = simulate({
        seed,
        defect: 'none',
        crash,
        disturb: ({ table }) => {
          table.spoilsNext = true
        },
      })
      const file = pipeline.table.committed.find(({ isSpoilt }) => isSpoilt)
      const expected = file === undefined ? [] : [`metadata-broken ${hopNames.table} 0/0`]
      expect({ seed, found, verdict: verdict.verdict }).toEqual({ seed, found: expected, verdict: file === undefined ? 'pass' : 'fail' })
      if (file === undefined) continue
      spoilt++
      expect(verdict.reasons.join()).toContain(`canaries may be in ${file.snapshotId}.parquet`)
    }
    expect(spoilt).toBeGreaterThan(some.length / 3)
  })

  test('of which nobody gets a second look for a while accuses nobody of more than was planted, and is no pass', () => {
    const outcomes = { fail: 0, inconclusive: 0, pass: 0 }
    for (const [index, seed] of some.entries()) {
      const defect = (['sink-skip', 'overwrite-loses', 'none'] as const)[index % 3] ?? 'none'
      const report = simulate({
        seed,
        defect,
        disturbAtMs: 2_500,
        disturb: ({ table }, later) => {
          table.isAway = true
          later(1_000 + (seed % 7) * 3_000, () => {
            table.isAway = false
          })
        },
      })
      const expected = defect === 'none' ? [] : mustBeFound(defect, report)
      const { found } = report
      const { verdict } = report.verdict
      expect({ seed, beyond: found.filter((text) => !expected.includes(text)), isFail: verdict === 'fail' }).toEqual({
        seed,
        beyond: [],
        isFail: found.length > 0,
      })
      if (expected.length > 0) expect({ seed, verdict }).not.toEqual({ seed, verdict: 'pass' })
      outcomes[verdict]++
    }
    // Short ones are waited for, long ones are not.
    expect(Math.min(outcomes.fail, outcomes.inconclusive, outcomes.pass)).toBeGreaterThan(2)
  })
})

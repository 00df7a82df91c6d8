import { describe, expect, test } from 'vitest'
import { addPartition, makeAgain, trim } from '../../shared/sim/disturbances.ts'
import { hopNames } from './topology.ts'
import { mustBeFound, seeds } from './planted.ts'
import { simulate } from './world.ts'

const some = seeds.slice(0, 40)
const few = seeds.slice(0, 24)
const checkerKilled = [undefined, 'ingestion-checker'] as const

describe('topics that change while a run is under way', () => {
  test.each(checkerKilled)('accuse nobody when partitions are added, though streams move by it (killed: %s)', (crash) => {
    let moved = 0
    for (const seed of some) {
      const report = simulate({
        seed,
        defect: 'none',
        crash,
        disturb: addPartition,
      })
      expect({ seed, verdict: report.verdict.verdict, found: report.found }).toEqual({ seed, verdict: 'pass', found: [] })
      if (report.facts.some((fact) => fact.kind === 'hop-sighted' && fact.covered.some(({ partition }) => partition === 2))) moved++
    }
    expect(moved).toBeGreaterThan(some.length / 3)
  })

  test.each(checkerKilled)('find what is lost, doubled or out of order in partitions that were added (killed: %s)', (crash) => {
    let planted = 0
    for (const [index, seed] of some.entries()) {
      const defect = (['skip', 'double', 'reorder'] as const)[index % 3] as 'skip'
      const report = simulate({
        seed,
        defect,
        crash,
        disturb: addPartition,
      })
      const wanted = new Set(report.planted.map(({ stream, seq }) => `${stream}/${seq}`))
      planted += wanted.size
      // A swap whose halves stand in two partitions is none.
      const found = report.found.map((text) => text.split(' ').at(-1) as string)
      expect({ seed, beyond: found.filter((place) => !wanted.has(place)) }).toEqual({ seed, beyond: [] })
      if (index % 3 !== 2) expect({ seed, found: new Set(found) }).toEqual({ seed, found: wanted })
    }
    expect(planted).toBeGreaterThan(some.length / 3)
  })

  test.each([
    ['raw', undefined],
    ['normalised', undefined],
    ['raw', 'ingestion-checker'],
    ['normalised', 'ingestion-checker'],
  ] as const)('call nothing lost that was removed from %s before it was read, and say so (killed: %s)', (topic, crash) => {
    let doubted = 0
    for (const seed of some) {
      const { verdict, found } = simulate({
        seed,
        defect: 'none',
        crash,
        disturb: (pipeline) => {
          trim(pipeline, topic)
        },
      })
      const reasons = verdict.reasons.join()
      expect({ seed, found, doubted: verdict.verdict === 'inconclusive' }).toEqual({
        seed,
        found: [],
        doubted: reasons.includes('were removed before they were read'),
      })
      if (verdict.verdict === 'inconclusive') doubted++
    }
    expect(doubted).toBeGreaterThan(some.length / 10)
  })

  test.each(checkerKilled)('say once that a topic was made again, and call nothing lost (killed: %s)', (crash) => {
    let told = 0
    for (const seed of some) {
      const { verdict, found } = simulate({
        seed,
        defect: 'none',
        crash,
        disturb: (pipeline) => {
          makeAgain(pipeline, 'raw')
        },
      })
      const again = found.filter((text) => text === `metadata-broken ${hopNames.raw} 0/0`)
      expect({ seed, found, verdict: verdict.verdict }).toEqual({ seed, found: again, verdict: again.length > 0 ? 'fail' : 'pass' })
      told += again.length
    }
    expect(told).toBeGreaterThan(some.length / 2)
  })

  test.each(['none', 'skip-raw', 'sink-skip', 'sink-double-later', 'api-miscount'] as const)(
    'see nothing of what an aborted transaction wrote, and all that is wrong besides (%s)',
    (defect) => {
      let aborted = 0
      for (const [index, seed] of few.entries()) {
        const crash = checkerKilled[index % 2]
        const report = simulate({ seed, defect, crash, transacts: true })
        const expected = defect === 'none' ? [] : mustBeFound(defect, report)
        const verdict = expected.length > 0 ? 'fail' : 'pass'
        expect({ seed, found: report.found, verdict: report.verdict.verdict }).toEqual({ seed, found: expected, verdict })
        if ((report.pipeline.transactions?.aborted ?? 0) > 0) aborted++
      }
      expect(aborted).toBeGreaterThan(few.length / 2)
    },
  )
})

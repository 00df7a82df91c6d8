import { expect, test } from 'vitest'
import type { StreamRanges } from '../../schemas/parts.ts'
import { CanarySet } from './canary-set.ts'
import { takeBackInherited, takeBackLost } from './corrections.ts'
import { standingViolations } from './evidence.ts'
import { configOf } from './played-core.fixture.ts'
import { evidenceOf, foldWorks, initWorks } from './run-work.ts'
import { CLEAN, RAW, RUN, accepted, told } from './told-run.fixture.ts'

const one = (first: number, last: number): StreamRanges[] => [{ stream: 0, ranges: [first, last] }]

/** Canaries 3 to 6 of stream 0 are lost at `CLEAN`; then these arrive there. What stands afterwards, and what was said. */
function arrive(canaries: StreamRanges[], late: StreamRanges[], hop = CLEAN) {
  const works = initWorks(configOf('ingestion-checker'))
  foldWorks(works, { type: 'fact', fact: accepted() })
  foldWorks(works, { type: 'fact', fact: told('violation-found', { violation: 'lost', hop: CLEAN, stream: 0, ranges: [3, 6] }) })
  const said = takeBackLost(works, { runId: RUN, hop }, { canaries: CanarySet.of(canaries), late: CanarySet.of(late) })
  const stands = standingViolations(evidenceOf(works, RUN)).map(({ violation, standing }) => `${violation} ${standing.ranges.join('-')}`)
  return { said: said.length, stands: stands.sort() }
}

test.each<[what: string, canaries: StreamRanges[], late: StreamRanges[], said: number, stands: string[]]>([
  ['in time were never lost', one(3, 6), [], 1, []],
  ['late are late, and no longer lost', one(3, 6), one(0, 9), 1, ['late 3-6']],
  ['in part leave the rest lost', one(4, 5), one(5, 5), 2, ['late 5-5', 'lost 3-3-6-6']],
  ['that were never missed change nothing', one(7, 9), one(7, 9), 0, ['lost 3-6']],
])('lost canaries that arrive %s', (...[, canaries, late, said, stands]) => {
  expect(arrive(canaries, late)).toEqual({ said, stands })
})

test('an arrival at another hop takes nothing back', () => {
  expect(arrive(one(3, 6), [], RAW)).toEqual({ said: 0, stands: ['lost 3-6'] })
})

test.each<[what: string, hop: string, seqs: number[], said: number, stands: string[]]>([
  ['at the hop before came so', RAW, [3, 4, 9], 1, ['duplicated 5-6']],
  ['at the hop before, all of them, came so', RAW, [3, 4, 5, 6], 1, []],
  ['at the hop itself are its own', CLEAN, [3, 4], 0, ['duplicated 3-6']],
])('canaries doubled at a hop that are seen twice %s', (...[, hop, seqs, said, stands]) => {
  const works = initWorks(configOf('ingestion-checker'))
  const repeats = seqs.map((seq) => ({ stream: 0, seq, partition: 0, offset: 40 + seq }))
  const doubled = told('violation-found', { violation: 'duplicated', hop: CLEAN, stream: 0, ranges: [3, 6] })
  for (const fact of [accepted(), doubled, told('hop-sighted', { hop, repeats })]) foldWorks(works, { type: 'fact', fact })
  expect(takeBackInherited(works, { runId: RUN, hop: CLEAN, before: RAW })).toHaveLength(said)
  const standing = standingViolations(evidenceOf(works, RUN))
  expect(standing.map(({ violation, standing: { ranges } }) => `${violation} ${ranges.join('-')}`)).toEqual(stands)
})

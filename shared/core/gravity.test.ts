import { expect, test } from 'vitest'
import type { Gravest } from '../../schemas/parts.ts'
import { isGraver } from './gravity.ts'
import { judge } from './judge.ts'
import { API, CLEAN, cleanFacts, foldAll, RAW, TABLE, told } from './told-run.fixture.ts'

const lost = { violation: 'lost', hop: TABLE } as const
const late = { violation: 'late', hop: RAW } as const

function gravestOf(...found: readonly Gravest[]): Gravest | null {
  const { book, run, evidence } = foldAll([...cleanFacts(), ...found.map((one) => told('violation-found', one))])
  return judge(book, run, evidence).gravest
}

test.each<[string, Gravest[], Gravest | null]>([
  ['nothing', [], null],
  ['a delay', [{ violation: 'slow', hop: API }, late], late],
  ['a loss behind delays', [late, lost], lost],
  ['of losses the first on the way', [lost, { violation: 'corrupted', hop: CLEAN }, late], { violation: 'corrupted', hop: CLEAN }],
])('the gravest is %s', (_, found, expected) => {
  expect(gravestOf(...found)).toEqual(expected)
})

test('a loss is worse than nothing and than a delay; nothing is worse than a loss', () => {
  expect([null, late, lost].map((known) => isGraver(lost, known))).toEqual([true, true, false])
  expect([null, late, lost].map((known) => isGraver(late, known))).toEqual([false, false, false])
  expect(isGraver(null, null)).toBe(false)
})

import { expect, test } from 'vitest'
import type { Fact } from '../../schemas/results.ts'
import { RUN, told } from '../../shared/core/told-run.fixture.ts'
import { FaultMarks } from './fault-annotations.ts'

const step = (phase: Fact<'fault-changed'>['phase'], atMs: number) => told('fault-changed', { phase, atMs, leaseUntilMs: 60_000 })
const key = `fault ${RUN} pause-sink`

function marksOf(...steps: ReturnType<typeof step>[]) {
  const marks = new FaultMarks()
  marks.caughtUp()
  return steps.flatMap((fact) => marks.hear(fact)).map(({ key: of, time, timeEnd }) => [of, time, timeEnd])
}

test('a fault is a point when it begins and a window when it is healed', () => {
  expect(marksOf(step('journalled', 5), step('injected', 10), step('bit', 20), step('healed', 30), step('recovered', 40))).toEqual([
    [`${key} begins`, 10, undefined],
    [key, 10, 30],
    [`${key} recovered`, 40, undefined],
  ])
})

test.each(['void', 'heal-failed', 'not-recovered'] as const)('one that ended otherwise says so: %s', (phase) => {
  expect(marksOf(step('injected', 10), step(phase, 20))).toEqual([
    [`${key} begins`, 10, undefined],
    [`${key} ${phase}`, 20, undefined],
  ])
})

test('history gives no marks, and the beginning of a window that ends now', () => {
  const marks = new FaultMarks()
  expect(marks.hear(step('injected', 10))).toEqual([])
  marks.caughtUp()
  expect(marks.hear(step('healed', 30))).toMatchObject([{ key, time: 10, timeEnd: 30 }])
})

test('a heal without an injection that was heard is none, and other facts are none', () => {
  expect(marksOf(step('healed', 30))).toEqual([])
  expect(new FaultMarks().hear(told('violation-found'))).toEqual([])
})

import { expect, test } from 'vitest'
import { planSchema } from './plan.ts'

const tables = { stage: 'audit-tables', task: 'audit-tables' }
const topics = { stage: 'audit-topics', task: 'audit-topics', needsStarted: ['audit-tables'] }
const problemsOf = (...stages: object[]) =>
  planSchema
    .safeParse({
      version: 1,
      name: 'p',
      exclusive: true,
      load: { canaries: 1, ratePerSecond: 1 },
      stages: [{ stage: 'produce', task: 'produce' }, ...stages],
    })
    .error?.issues.map(({ message }) => message) ?? []

test('an audit has both sides, and windows of a hundred thousand offsets unless it says otherwise', () => {
  expect(problemsOf(tables, topics)).toEqual([])
  expect(problemsOf(tables)).toEqual(['an audit is one stage audit-topics and one stage audit-tables'])
  expect(problemsOf(topics, tables, { ...tables, stage: 'again' })).toEqual([
    'an audit is one stage audit-topics and one stage audit-tables',
  ])
  expect(problemsOf(tables, { ...topics, windowOffsets: 2_000_000 })).toHaveLength(1)
})

test.each([
  ['a second', 1_000, true],
  ['a day', 86_400_000, true],
  ['less than a second', 500, false],
  ['no whole number of seconds', 1_500, false],
  ['more than a day', 86_401_000, false],
])('windows of event time are whole seconds up to a day: %s', (...[, windowMs, isPlan]) => {
  expect(problemsOf(tables, { ...topics, windowMs }).length === 0).toBe(isPlan)
})

test('the table begins before the topic, and nobody deletes rows while they are audited', () => {
  expect(problemsOf(tables, { ...topics, needsStarted: [] })[0]).toContain('must have audit-tables in needsStarted')
  const cleanUp = { stage: 'clean-up', task: 'clean-up', always: true }
  expect(problemsOf(tables, topics, cleanUp)[0]).toContain('stage clean-up must need audit-tables')
  expect(problemsOf(tables, topics, { ...cleanUp, needs: ['audit-tables'] })).toEqual([])
})

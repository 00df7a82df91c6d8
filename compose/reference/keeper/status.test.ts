import { expect, test } from 'vitest'
import { failedParts } from './status.ts'

const status = (connector: string, ...tasks: string[]) => ({
  name: 'x',
  connector: { state: connector },
  tasks: tasks.map((state, id) => ({ id, state })),
})

test.each([
  [status('RUNNING', 'RUNNING', 'RUNNING'), []],
  [status('RUNNING', 'FAILED', 'RUNNING', 'FAILED'), ['task 0', 'task 2']],
  [status('FAILED', 'UNASSIGNED'), ['connector']],
])('%o', (answer, failed) => {
  expect(failedParts(answer)).toEqual(failed)
})

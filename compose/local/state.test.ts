import { expect, test } from 'vitest'
import { parseStackState } from './state.ts'

const state = {
  id: 'one',
  pid: 10,
  startTime: '1234',
  startedAt: '2026-11-23T00:00:00.000Z',
  phase: 'running',
  keep: 'nothing',
  env: { A: 'b' },
  services: { kafka: { pid: 11, startTime: '1235', ports: { kafka: 20_000 }, logFile: '/tmp/kafka.log' } },
}

test('a state is read back as it was written', () => {
  expect(parseStackState(JSON.stringify(state), 'stack.json')).toEqual(state)
})

test.each([
  { name: 'what is not JSON', text: '{"id":' },
  { name: 'a pid by which all processes would be meant', text: JSON.stringify({ ...state, pid: -1 }) },
  { name: 'a service whose pid is 0', text: JSON.stringify({ ...state, services: { kafka: { ...state.services.kafka, pid: 0 } } }) },
  { name: 'a state without services', text: JSON.stringify({ ...state, services: undefined }) },
])('$name is refused, naming the file', ({ text }) => {
  expect(() => parseStackState(text, '/x/stack.json')).toThrow('/x/stack.json is not the state of a stack')
})

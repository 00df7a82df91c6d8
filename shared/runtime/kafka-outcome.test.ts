import { expect, test } from 'vitest'
import { definiteRefusals, outcomeOfWriteError } from './kafka-outcome.ts'

test.each([
  { errorType: 'MESSAGE_TOO_LARGE', attempts: 1, outcome: 'failed', why: 'the leader refused it' },
  { errorType: 'TOPIC_AUTHORIZATION_FAILED', attempts: 1, outcome: 'failed', why: 'the leader refused it' },
  { errorType: 'INVALID_RECORD', attempts: 1, outcome: 'failed', why: 'the leader refused it' },
  { errorType: 'UNKNOWN_TOPIC_OR_PARTITION', attempts: 0, outcome: 'failed', why: 'nothing was sent' },
  { errorType: 'KafkaJSConnectionError', attempts: 0, outcome: 'failed', why: 'nothing was sent' },
  { errorType: 'MESSAGE_TOO_LARGE', attempts: 2, outcome: 'unknown', why: 'the first attempt may have been appended' },
  { errorType: 'KafkaJSRequestTimeoutError', attempts: 1, outcome: 'unknown', why: 'no answer is no refusal' },
  { errorType: 'KafkaJSConnectionClosedError', attempts: 1, outcome: 'unknown', why: 'no answer is no refusal' },
  { errorType: 'NOT_ENOUGH_REPLICAS_AFTER_APPEND', attempts: 1, outcome: 'unknown', why: 'it was appended' },
  { errorType: 'NOT_ENOUGH_REPLICAS', attempts: 11, outcome: 'unknown', why: 'kafkajs tries it again, and an earlier attempt is not seen' },
  { errorType: 'OUT_OF_ORDER_SEQUENCE_NUMBER', attempts: 1, outcome: 'unknown', why: 'in doubt' },
  { errorType: 'DUPLICATE_SEQUENCE_NUMBER', attempts: 2, outcome: 'unknown', why: 'it stands in the log, where is not said' },
  { errorType: 'something new', attempts: 1, outcome: 'unknown', why: 'in doubt' },
])('$errorType after $attempts attempts is $outcome: $why', ({ errorType, attempts, outcome }) => {
  expect(outcomeOfWriteError({ errorType, attempts })).toBe(outcome)
})

test('no error that may follow an append counts as a refusal', () => {
  const mayFollowAnAppend = [
    'REQUEST_TIMED_OUT',
    'NETWORK_EXCEPTION',
    'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
    'NOT_LEADER_FOR_PARTITION',
    'KAFKA_STORAGE_ERROR',
  ]
  expect(mayFollowAnAppend.filter((type) => definiteRefusals.has(type))).toEqual([])
})

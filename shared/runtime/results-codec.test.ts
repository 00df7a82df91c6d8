import { expect, test } from 'vitest'
import { encodeResult, resultsAvroSchema } from '../../schemas/avro.ts'
import type { ResultMessage } from '../../schemas/results.ts'
import { AssayError } from '../core/errors.ts'
import { createResultsDecoder, frame, UNREGISTERED_ID } from './results-codec.ts'

const fact: ResultMessage = {
  kind: 'agent-heartbeat',
  agent: 'reporter',
  instance: '0',
  atMs: 1,
  startedAtMs: 1,
  version: '0',
  residentBytes: 1,
}
const body = encodeResult(fact)

function decoder(answer: (id: number) => object) {
  const asked: number[] = []
  const schemaById = (id: number) => {
    asked.push(id)
    return Promise.resolve().then(() => answer(id))
  }
  return { asked, ...createResultsDecoder({ schemaById }) }
}

test('facts under the shipped schema are read without asking the registry', async () => {
  const { decode, shippedIds, asked } = decoder(() => ({}))
  shippedIds.add(12)
  expect(await decode(frame(12, body))).toEqual({ ok: true, fact, guessed: false })
  expect(await decode(frame(UNREGISTERED_ID, body))).toEqual({ ok: true, fact, guessed: false })
  expect(asked).toEqual([])
})

test('an unknown id is asked for once', async () => {
  const { decode, asked } = decoder(() => JSON.parse(JSON.stringify(resultsAvroSchema)) as object)
  expect(await decode(frame(13, body))).toEqual({ ok: true, fact, guessed: false })
  expect(await decode(frame(13, body))).toEqual({ ok: true, fact, guessed: false })
  expect(asked).toEqual([13])
})

test('a registry that is down does not stop facts of the same version, and that is said', async () => {
  const { decode, asked } = decoder(() => {
    throw new AssayError('REGISTRY_UNAVAILABLE', 'down')
  })
  for (let n = 0; n < 3; n++) expect(await decode(frame(14, body))).toEqual({ ok: true, fact, guessed: true })
  expect(asked, 'one wait, not one for each fact').toEqual([14])
})

test.each([
  ['a tombstone', null, /no bytes/],
  ['JSON', Buffer.from('{"kind":"agent-heartbeat"}'), /Confluent frame/],
  ['a cut body', frame(UNREGISTERED_ID, body.subarray(0, 4)), /cut short|not readable/],
  ['an id the registry does not know', frame(404, body), /no such schema/],
])('%s is unreadable, with the reason', async (_, value, reason) => {
  const { decode } = decoder(() => {
    throw new AssayError('SCHEMA_UNKNOWN', 'no such schema')
  })
  const decoded = await decode(value)
  expect(decoded.ok ? '' : decoded.reason).toMatch(reason)
})

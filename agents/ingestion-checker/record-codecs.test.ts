import { expect, test } from 'vitest'
import { AssayError, type ErrorCode } from '../../shared/core/errors.ts'
import { recordSchema } from '../../shared/core/told-run.fixture.ts'
import { recordCodec, type RecordCodec } from '../../shared/runtime/record-codec.ts'
import { createCodecs } from './record-codecs.ts'

/** A registry that answers each question by the next of these. */
function asked(...answers: (RecordCodec | ErrorCode)[]) {
  const troubles: string[] = []
  const clock = { nowMs: 0 }
  let questions = 0
  const codecs = createCodecs({
    fetch: () => {
      const answer = answers[questions++] ?? 'REGISTRY_UNAVAILABLE'
      return typeof answer === 'string' ? Promise.reject(new AssayError(answer, answer)) : Promise.resolve(answer)
    },
    nowMs: () => clock.nowMs,
    onTrouble: (reason) => troubles.push(reason),
    waitMs: 1,
  })
  return { codecs, clock, troubles, questions: () => questions }
}
const codec = recordCodec(7, recordSchema)

test('a schema is asked for once', async () => {
  const { codecs, questions } = asked(codec)
  expect(await codecs.of(7)).toBe(codec)
  expect(codecs.of(7)).toBe(codec)
  expect(questions()).toBe(1)
})

test('an id that is not known is asked for twice, and then left aside for a while', async () => {
  const { codecs, clock, troubles, questions } = asked('SCHEMA_UNKNOWN', 'SCHEMA_UNKNOWN', codec)
  expect(await codecs.of(7)).toBeNull()
  expect([codecs.of(7), questions(), troubles]).toEqual([null, 2, []])
  clock.nowMs = 30_000
  expect(await codecs.of(7)).toBe(codec)
})

test('an id that is known a moment later is read', async () => {
  expect(await asked('SCHEMA_UNKNOWN', codec).codecs.of(7)).toBe(codec)
})

test('a schema that is no record of ours is left aside at once', async () => {
  const { codecs, questions } = asked('INPUT_INVALID')
  expect([await codecs.of(7), questions()]).toEqual([null, 1])
})

test('a registry that is away is waited for, and said to be', async () => {
  const { codecs, troubles } = asked('REGISTRY_UNAVAILABLE', 'REGISTRY_UNAVAILABLE', codec)
  expect(await codecs.of(7)).toBe(codec)
  expect(troubles).toEqual(['REGISTRY_UNAVAILABLE', 'REGISTRY_UNAVAILABLE'])
})

test('nobody waits for it beyond the end', async () => {
  const { codecs } = asked()
  const waiting = codecs.of(7)
  codecs.close()
  expect(await waiting).toBeNull()
})

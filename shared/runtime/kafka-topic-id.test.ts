import { describe, expect, test } from 'vitest'
import { encodeTopicQuestion, topicIdIn } from './kafka-topic-id.ts'

const ID = Buffer.from('00112233445566778899aabbccddeeff', 'hex')
const compact = (text: string) => [text.length + 1, ...Buffer.from(text)]

/** As a broker writes it, byte by byte; `more` stands where the partitions begin, which nobody reads. */
function answer(topic: { error?: number; name: string; id?: Buffer } | null): Buffer {
  const broker = [0, 0, 0, 1, ...compact('host.example'), 0, 0, 0x23, 0x84, 0, 0]
  const head = [0, 0, 0, 0, 0, 2, ...broker, ...compact('cluster'), 0, 0, 0, 1]
  if (topic === null) return Buffer.from([...head, 1, 0])
  return Buffer.from([...head, 2, 0, topic.error ?? 0, ...compact(topic.name), ...(topic.id ?? ID), 0, 9, 9, 9])
}

test('the question is that of version 12, without an id, for one topic, which must not be made', () => {
  expect(encodeTopicQuestion('raw')).toEqual(Buffer.from([0, 2, ...Buffer.alloc(16), 4, ...Buffer.from('raw'), 0, 0, 0, 0]))
  expect(encodeTopicQuestion('x'.repeat(200)).subarray(18, 20)).toEqual(Buffer.from([201 - 128 + 128, 1]))
})

/** Two brokers and one topic of one partition, as Kafka 4.3.1 itself writes it. */
const OF_KAFKA =
  '000000000003000000010a6c6f63616c686f737400002384000000000002066f746865720000238503723100046162630000' +
  '00010200000472617700112233445566778899aabbccddeeff000200000000000000000001ffffffff030000000100000002' +
  '02000000010100800000000000'

describe('the answer', () => {
  test('of Kafka itself is read', () => {
    expect(topicIdIn(Buffer.from(OF_KAFKA, 'hex'), 'raw')).toBe('00112233-4455-6677-8899-aabbccddeeff')
  })

  test('holds the id of the topic', () => {
    expect(topicIdIn(answer({ name: 'raw' }), 'raw')).toBe('00112233-4455-6677-8899-aabbccddeeff')
  })

  test('may have tagged fields in its header', () => {
    expect(topicIdIn(Buffer.concat([Buffer.from([1, 7, 2, 255, 255]), answer({ name: 'raw' }).subarray(1)]), 'raw')).not.toBeNull()
  })

  test.each([
    ['of no topic', answer(null)],
    ['of an error', answer({ name: 'raw', error: 3 })],
    ['of another topic', answer({ name: 'war' })],
    ['of a cluster without ids', answer({ name: 'raw', id: Buffer.alloc(16) })],
  ])('%s holds none', (...[, bytes]) => {
    expect(topicIdIn(bytes, 'raw')).toBeNull()
  })

  test('of another shape is refused', () => {
    expect(() => topicIdIn(answer({ name: 'raw' }).subarray(0, 40), 'raw')).toThrow(RangeError)
  })
})

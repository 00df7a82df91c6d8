import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeXerial, lz4Codec, snappyCodec, zstdCodec } from './kafka-codecs.ts'
import { decodeLz4Frame } from './lz4-frame.ts'

/** The records of one batch of 300, as the Java client of Kafka 4.3.1 compresses them. */
const batch = (codec: string) => readFileSync(new URL(`fixtures/kafka-batches/${codec}.bin`, import.meta.url))
const plain = gunzipSync(batch('gzip'))

test('the records that were compressed are the ones that were meant', () => {
  expect([plain.length, createHash('sha256').update(plain).digest('hex').slice(0, 16)]).toEqual([86756, 'd776f73083e12457'])
})

describe.each([
  ['snappy', snappyCodec],
  ['lz4', lz4Codec],
  ['zstd', zstdCodec],
] as const)('a batch in %s', (...[name, codec]) => {
  test('of the Java client is read byte for byte', async () => {
    expect((await codec.decompress(batch(name))).equals(plain)).toBe(true)
  })

  test('that is cut short is refused, and not read in part', async () => {
    for (const length of [3, 20, 1_000, batch(name).length - 3])
      await expect(codec.decompress(batch(name).subarray(0, length))).rejects.toThrow()
  })

  test('of ours comes back as it went in', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 100_000 }), async (bytes) => {
        const packed = await codec.compress({ buffer: Buffer.from(bytes) })
        expect((await codec.decompress(packed)).equals(bytes)).toBe(true)
      }),
      { numRuns: 30 },
    )
  })
})

test('snappy without a frame, as librdkafka writes it, is read as well', () => {
  // Length 10; a literal of 4 bytes; a copy of 6 from 4 back.
  expect(decodeXerial(Buffer.from([10, 3 << 2, ...Buffer.from('abcd'), (2 << 2) | 1, 4]), 100).toString()).toBe('abcdabcdab')
})

describe('an LZ4 frame', () => {
  const header = [0x04, 0x22, 0x4d, 0x18, 0x40, 0x40, 0xc0]
  const blockOf = (...bytes: number[]) => [bytes.length, 0, 0, 0, ...bytes]
  const frame = (...parts: number[][]) => Buffer.from([...header, ...parts.flat(), 0, 0, 0, 0])
  const text = (of: string) => [...Buffer.from(of)]

  test('may have blocks that copy from the one before, and copies that overlap themselves', () => {
    const first = blockOf(4 << 4, ...text('abcd'))
    const second = blockOf((1 << 4) | 4, ...text('x'), 5, 0, 2 << 4, ...text('yz'))
    expect(decodeLz4Frame(frame(first, second), 100).toString()).toBe('abcdxabcdxabcyz')
  })

  test.each([
    ['of another magic', Buffer.from([1, ...frame(blockOf(0))])],
    ['with a dictionary', Buffer.from([0x04, 0x22, 0x4d, 0x18, 0x61, 0x40, 0, 0, 0, 0, 0])],
    ['that copies from before its beginning', frame(blockOf((1 << 4) | 0, ...text('a'), 2, 0, 0))],
    ['whose block is longer than the rest', Buffer.from([...header, 99, 0, 0, 0, 1])],
    ['without an end', Buffer.from([...header, ...blockOf(1 << 4, ...text('a'))])],
    ['of more bytes than allowed', frame(blockOf(4 << 4, ...text('abcd')), blockOf(0x1f, ...text('a'), 1, 0, 255, 0))],
  ])('%s is refused', (...[, bytes]) => {
    expect(() => decodeLz4Frame(bytes, 100)).toThrow(RangeError)
  })
})

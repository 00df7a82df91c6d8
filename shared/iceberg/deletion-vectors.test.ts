import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { deletedPositions } from './deletion-vectors.ts'
import type { DataFile } from './manifests.ts'

const CONTAINER = 65_536
const BEYOND_32_BITS = 2 ** 32

const u16 = (value: number) => [value & 0xff, value >>> 8]
const u32 = (value: number) => [...u16(value & 0xffff), ...u16(value >>> 16)]

/** The body of a container as the Roaring format lays it out; `lows` ascend. */
function bodyOf(lows: readonly number[], isRun: boolean): number[] {
  if (isRun) {
    const runs: [first: number, more: number][] = []
    for (const low of lows) {
      const last = runs.at(-1)
      if (last !== undefined && last[0] + last[1] + 1 === low) last[1]++
      else runs.push([low, 0])
    }
    return [...u16(runs.length), ...runs.flatMap(([first, more]) => [...u16(first), ...u16(more)])]
  }
  if (lows.length <= 4096) return lows.flatMap(u16)
  const bits = new Array<number>(CONTAINER / 8).fill(0)
  for (const low of lows) bits[low >> 3] = (bits[low >> 3] as number) | (1 << (low & 7))
  return bits
}

/** One 32-bit bitmap of these positions; `isRun` says which of its containers the writer has made of runs. */
function bitmapOf(positions: readonly number[], isRun: (container: number) => boolean): number[] {
  const containers = [...Map.groupBy(positions, (position) => Math.floor(position / CONTAINER))].map(([key, of]) => ({
    key,
    size: of.length,
    isRun: isRun(key),
    body: bodyOf(
      of.map((position) => position % CONTAINER),
      isRun(key),
    ),
  }))
  const count = containers.length
  const hasRuns = containers.some((one) => one.isRun)
  const flags = Array.from({ length: Math.ceil(count / 8) }, (_, byte) =>
    containers.slice(byte * 8, byte * 8 + 8).reduce((sum, one, bit) => sum + (one.isRun ? 2 ** bit : 0), 0),
  )
  const head = [
    ...(hasRuns ? [...u32(12_347 + (count - 1) * 65_536), ...flags] : [...u32(12_346), ...u32(count)]),
    ...containers.flatMap(({ key, size }) => [...u16(key), ...u16(size - 1)]),
  ]
  let at = head.length + count * 4
  const offsets = containers.flatMap(({ body }) => u32((at += body.length) - body.length))
  return [...head, ...(hasRuns && count < 4 ? [] : offsets), ...containers.flatMap(({ body }) => body)]
}

type IsRun = (container: number) => boolean

/** A Puffin file with one deletion vector, and what a manifest says of it. */
function vectorOf(
  positions: readonly number[],
  { isRun = () => false, recordCount = positions.length }: { isRun?: IsRun; recordCount?: number } = {},
) {
  const bitmaps = [...Map.groupBy(positions, (position) => Math.floor(position / BEYOND_32_BITS))]
  const bytes = bitmaps.flatMap(([upper, of]) => [
    ...u32(upper),
    ...bitmapOf(
      of.map((position) => position % BEYOND_32_BITS),
      isRun,
    ),
  ])
  const checked = Buffer.from([0xd1, 0xd3, 0x39, 0x64, ...u32(bitmaps.length), ...u32(0), ...bytes])
  const [length, crc] = [Buffer.alloc(4), Buffer.alloc(4)]
  length.writeUInt32BE(checked.length)
  crc.writeUInt32BE(crc32(checked))
  const puffin = Buffer.concat([Buffer.from('PFA1'), length, checked, crc, Buffer.from('PFA1')])
  const file = { path: 's3://w/v.puffin', contentOffset: 4, contentSizeBytes: puffin.length - 8, recordCount } as DataFile
  return { puffin, file }
}

const from = (first: number, count: number, step = 1) => Array.from({ length: count }, (_, i) => first + i * step)

function isReadAsWritten(positions: readonly number[], isRun?: IsRun): boolean {
  const { puffin, file } = vectorOf(positions, isRun === undefined ? {} : { isRun })
  const read = deletedPositions(puffin, file)
  return read.length === positions.length && positions.every((position, i) => read[i] === position)
}

const always: IsRun = () => true

test.each<[what: string, positions: number[], isRun?: IsRun]>([
  ['a few', [0, 1, 77, 65_535, 65_536, 200_000]],
  ['as many as an array holds', from(10, 4_096, 3)],
  ['one more, which make a bitmap', from(10, 4_097, 3)],
  ['all of a container', from(CONTAINER, CONTAINER)],
  ['runs', [...from(5, 10), ...from(100, 1), ...from(60_000, 5_536)], always],
  ['runs in three containers, which have no offsets', from(0, 3 * CONTAINER, 2), always],
  ['runs in four containers, which have', from(65_000, 3 * CONTAINER), always],
  ['runs in one of nine containers', from(0, 9 * 4, 16_384), (container) => container === 8],
  ['positions beyond 32 bits', [3, BEYOND_32_BITS + 3, 7 * BEYOND_32_BITS + 65_536]],
])('deleted positions are those that were written: %s', (_, positions, isRun) => {
  expect(isReadAsWritten(positions, isRun)).toBe(true)
})

test('deleted positions are those that were written, in whatever containers', () => {
  const lows = fc.oneof(
    fc.uniqueArray(fc.nat(CONTAINER - 1), { minLength: 1, maxLength: 60 }).map((some) => some.sort((a, b) => a - b)),
    fc
      .record({ first: fc.nat(9_999), count: fc.integer({ min: 4_000, max: 4_200 }), step: fc.integer({ min: 1, max: 13 }) })
      .map(({ first, count, step }) => from(first, count, step)),
  )
  const container = fc.record({ upper: fc.constantFrom(0, 0, 1), key: fc.nat(12), lows, isRun: fc.boolean() })
  const vector = fc.uniqueArray(container, { minLength: 1, maxLength: 7, selector: ({ upper, key }) => `${upper}/${key}` })
  fc.assert(
    fc.property(vector, (containers) => {
      const positions = containers.flatMap((one) => one.lows.map((low) => one.upper * BEYOND_32_BITS + one.key * CONTAINER + low))
      const runs = new Set(containers.flatMap(({ isRun, key }) => (isRun ? [key] : [])))
      return isReadAsWritten(
        positions.sort((a, b) => a - b),
        (key) => runs.has(key),
      )
    }),
    { numRuns: 40 },
  )
})

test('a vector with other positions than were written is told by its checksum, and none of them is believed', () => {
  const { puffin, file } = vectorOf([4, 11, 900])
  const at = puffin.indexOf(Buffer.from(u16(900)))
  puffin[at] = (puffin[at] as number) ^ 1
  expect(() => deletedPositions(puffin, file)).toThrow(/s3:\/\/w\/v\.puffin: CRC-32 does not hold/)
})

test.each([
  [2, 'got more'],
  [4, 'got 3'],
])('a vector of three positions, of which the manifest says %i, takes no row away', (recordCount, said) => {
  const { puffin, file } = vectorOf([4, 11, 900], { recordCount })
  expect(() => deletedPositions(puffin, file)).toThrow(`expected ${recordCount} positions as in the manifest, ${said}`)
})

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeHybrid, spread } from './parquet-values.ts'

type Run = { readonly packed: readonly number[] } | { readonly value: number; readonly count: number }

/** As writers do: runs of one value, and groups of eight packed ones. */
function encode(runs: readonly Run[], width: number): Buffer {
  const bytes: number[] = []
  const head = (value: number) => {
    for (let rest = value; ; rest = Math.floor(rest / 128)) {
      bytes.push((rest % 128) + (rest >= 128 ? 128 : 0))
      if (rest < 128) return
    }
  }
  for (const run of runs) {
    if ('value' in run) {
      head(run.count * 2)
      for (let i = 0; i < Math.ceil(width / 8); i++) bytes.push(Math.floor(run.value / 256 ** i) % 256)
      continue
    }
    head((run.packed.length / 8) * 2 + 1)
    const bits = run.packed.flatMap((value) => Array.from({ length: width }, (_, bit) => Math.floor(value / 2 ** bit) % 2))
    for (let at = 0; at < bits.length; at += 8) bytes.push(bits.slice(at, at + 8).reduce((sum, bit, i) => sum + bit * 2 ** i, 0))
  }
  return Buffer.from(bytes)
}

test('runs and packed values come back as they were, whatever their width', () => {
  const runsOf = (width: number) => {
    const value = fc.nat(2 ** width - 1)
    const packed = fc
      .array(fc.array(value, { minLength: 8, maxLength: 8 }), { minLength: 1, maxLength: 20 })
      .map((groups): Run => ({ packed: groups.flat() }))
    const run = fc.record({ value, count: fc.integer({ min: 1, max: 300 }) })
    return fc.tuple(fc.constant(width), fc.array(fc.oneof(packed, run), { minLength: 1, maxLength: 6 }))
  }
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 24 }).chain(runsOf), fc.nat(7), ([width, runs], cut) => {
      const values = runs.flatMap((run) => ('value' in run ? Array<number>(run.count).fill(run.value) : run.packed))
      // The last packed group is filled up with what is no value.
      const count = Math.max(1, values.length - cut)
      const out = new Int32Array(count)
      decodeHybrid(encode(runs, width), width, out)
      expect([...out]).toEqual(values.slice(0, count))
    }),
  )
})

test.each([
  ['no bytes', Buffer.alloc(0)],
  ['a packed group that is cut short', Buffer.from([3, 0xff])],
  ['a run without its value', Buffer.from([16])],
  ['an empty run', Buffer.from([0, 0])],
])('what is cut short is a RangeError: %s', (_, bytes) => {
  expect(() => decodeHybrid(bytes, 2, new Int32Array(8))).toThrow(RangeError)
})

test('values go to the rows that have one', () => {
  const out = Float64Array.from([1, 2, 3, 0, 0])
  spread(out, Int32Array.from([0, 1, 1, 0, 1]), -1)
  expect([...out]).toEqual([-1, 1, 2, -1, 3])
})

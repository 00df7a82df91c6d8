import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  canaryIdOf,
  canaryIdText,
  canaryOfTrace,
  deterministicRunId,
  parseCanaryId,
  runTimeMs,
  runTraceIdOf,
  spanIdOf,
  traceIdOf,
} from './identity.ts'
import { RUN } from './told-run.fixture.ts'

const canary = fc.record({ runId: fc.uuid(), stream: fc.nat({ max: 9_999 }), seq: fc.nat({ max: 999_999_999_999 }) })

describe('a canary id', () => {
  test('is text of one width that reads back as what it was made of', () => {
    fc.assert(
      fc.property(canary, (id) => {
        const text = canaryIdText(id)
        expect(text).toHaveLength(54)
        expect(parseCanaryId(text)).toEqual(id)
      }),
    )
  })

  test('sorts as the canaries of its stream do', () => {
    const texts = [9, 10, 999, 1_000_000].map((seq) => canaryIdText({ runId: RUN, stream: 3, seq }))
    expect([...texts].sort()).toEqual(texts)
  })

  test.each([
    ['nothing', ''],
    ['ordinary data', 'T-1001'],
    ['an id that is cut', canaryIdText({ runId: RUN, stream: 1, seq: 2 }).slice(1)],
    ['an id with something behind it', `${canaryIdText({ runId: RUN, stream: 1, seq: 2 })} `],
    ['capitals', canaryIdText({ runId: RUN, stream: 1, seq: 2 }).replace('a', 'A').replace('01999999', '0199999F')],
    ['a sign', canaryIdText({ runId: RUN, stream: 1, seq: 2 }).replace(':0001:', ':-001:')],
  ])('is not read from %s', (_what, text) => {
    expect(parseCanaryId(text)).toBeNull()
  })

  test.each([[null], [7], [7n], [{ a: 1 }], [undefined]])('is not read from %s, whatever the type', (value) => {
    expect(canaryIdOf(value)).toBeNull()
  })
})

describe('a trace id', () => {
  test('is a bijection of (stream, seq): no two canaries of a run share one', () => {
    const ids = new Set<string>()
    for (let stream = 0; stream < 40; stream++) for (let seq = 0; seq < 2_000; seq++) ids.add(traceIdOf({ runId: RUN, stream, seq }))
    // Where 32 bits end, and at the far corners.
    const far = [2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, 2 ** 40, 999_999_999_999].flatMap((seq) =>
      [0, 1, 9_999].map((stream) => ({ runId: RUN, stream, seq })),
    )
    for (const id of far) ids.add(traceIdOf(id))
    expect(ids.size).toBe(40 * 2_000 + far.length)
  })

  test('leads back to its canary, and only within its run', () => {
    fc.assert(
      fc.property(canary, fc.uuid(), (id, other) => {
        expect(canaryOfTrace(id.runId, traceIdOf(id))).toEqual(id)
        expect(canaryOfTrace(other, traceIdOf(id))).toBeNull()
      }),
    )
    for (const text of ['', 'x'.repeat(32), runTraceIdOf(RUN).slice(0, 31)]) expect(canaryOfTrace(RUN, text)).toBeNull()
  })

  test('is 32 hex digits, never zero, the same for everybody, and of its run', () => {
    fc.assert(
      fc.property(canary, (id) => {
        const traceId = traceIdOf(id)
        expect(traceId).toMatch(/^[0-9a-f]{32}$/)
        expect(traceId.slice(0, 8)).not.toBe('00000000')
        expect(traceIdOf({ ...id })).toBe(traceId)
        expect(runTraceIdOf(id.runId).slice(0, 16)).toBe(traceId.slice(0, 16))
      }),
    )
  })

  test('gives each hop a span of its own', () => {
    const traceId = traceIdOf({ runId: RUN, stream: 0, seq: 0 })
    const spans = ['source', 'topic:raw', 'table:lake.trades'].map((hop) => spanIdOf(traceId, hop))
    expect(new Set(spans).size).toBe(3)
    for (const span of spans) expect(span).toMatch(/^(?!0{16})[0-9a-f]{16}$/)
  })
})

describe('a run id that is computed', () => {
  test('is a UUIDv7 of its time, as RFC 9562 has it, and the same for the same parts', () => {
    fc.assert(
      fc.property(fc.nat({ max: 2 ** 47 }), fc.string(), (atMs, name) => {
        const runId = deterministicRunId(atMs, name)
        expect(runId).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
        expect(runTimeMs(runId)).toBe(atMs)
        expect(deterministicRunId(atMs, name)).toBe(runId)
      }),
    )
  })

  test('differs by name and by time', () => {
    const ids = [0, 1, 2].flatMap((atMs) => Array.from({ length: 2_000 }, (_, n) => deterministicRunId(atMs, `control/${n}`)))
    expect(new Set(ids).size).toBe(ids.length)
  })
})

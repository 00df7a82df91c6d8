import { describe, expect, test } from 'vitest'
import { encodeResult } from '../../schemas/avro.ts'
import { TIMES_MAX } from '../../shared/core/audit-times.ts'
import { AssayError } from '../../shared/core/errors.ts'
import { canaryIdText } from '../../shared/core/identity.ts'
import type { CanaryRecord } from '../../shared/core/record-schema.ts'
import { RUN, TABLE, recordSchema, resolvedOf, told } from '../../shared/core/told-run.fixture.ts'
import { recordCodec, type RecordCodec, type RecordReader } from '../../shared/runtime/record-codec.ts'
import type { TopicAuditPorts } from './audit-reading.ts'
import { readTopicTimes } from './times-reading.ts'

const MINUTE = 60_000
const SECOND_MICROS = 1_000_000

/** The record with its event time in another type. */
function codecOf(schemaId: number, tradedAt: unknown): RecordCodec {
  const { fields, ...schema } = JSON.parse(recordSchema) as { fields: { name: string }[] }
  const typed = fields.map((field) => (field.name === 'traded_at' ? { name: 'traded_at', type: tradedAt } : field))
  return recordCodec(schemaId, JSON.stringify({ ...schema, fields: typed }))
}
const codecs = {
  micros: recordCodec(1, recordSchema),
  nullable: codecOf(2, ['null', { type: 'long', logicalType: 'timestamp-micros' }]),
  millis: codecOf(3, { type: 'long', logicalType: 'timestamp-millis' }),
  long: codecOf(4, 'long'),
}

function value(tradedAt: number | null, { trade_id = 'T-1', as = codecs.micros }: { trade_id?: string; as?: RecordCodec } = {}): Buffer {
  const record: CanaryRecord = { trade_id, symbol: 'abc', venue: 'XNAS', traded_at: tradedAt, price: 1_250_000n, note: null }
  return as.encode(record)
}
const atSeconds = (...seconds: number[]) => seconds.map((second) => value(Math.round(second * SECOND_MICROS)))

interface Log {
  readonly low?: number
  /** From `low` on. */
  readonly values: readonly (Buffer | null)[]
  /** Where the audit began; left out, the partition was not there. */
  readonly begun?: number
}

const known: ReadonlyMap<number, RecordReader> = new Map(Object.values(codecs).map((codec) => [codec.schemaId, codec]))
const codecIn: TopicAuditPorts['codecOf'] = (id) => {
  const codec = known.get(id)
  return codec === undefined ? Promise.reject(new AssayError('SCHEMA_UNKNOWN', `schema ${id}`)) : Promise.resolve(codec)
}

interface Asked {
  readonly windowMs?: number
  readonly field?: string
  readonly begun?: ReadonlyMap<number, number>
  readonly codecOf?: TopicAuditPorts['codecOf']
}

/** What is told of a topic of these partitions, and what was read of it. */
async function counted(logs: readonly Log[], { windowMs = MINUTE, field = 'traded_at', begun, codecOf: codecFor = codecIn }: Asked = {}) {
  const spans: unknown[] = []
  const ports: TopicAuditPorts = {
    admin: {
      topicOffsets: () => Promise.resolve(logs.map(({ low = 0, values }, partition) => ({ partition, low, high: low + values.length }))),
    },
    codecOf: codecFor,
    async read(options) {
      spans.push(...options.spans)
      for (const { partition, offsetFirst, offsetLast } of options.spans) {
        const { low = 0, values } = logs[partition] as Log
        const records = values.map((one, i) => ({ offset: low + i, timestampMs: 0, key: null, value: one, headers: {} }))
        await options.onRecords(
          partition,
          records.filter(({ offset }) => offset >= offsetFirst && offset <= offsetLast),
        )
      }
    },
  }
  const since = begun ?? new Map(logs.flatMap((log, partition) => (log.begun === undefined ? [] : [[partition, log.begun] as const])))
  const at = { runId: RUN, hop: TABLE, topic: 'clean', resolved: resolvedOf() }
  return { told: await readTopicTimes(ports, { type: 'audit-times', ...at, begun: since, windowMs, field }), spans }
}

const windowsOf = async (...asked: Parameters<typeof counted>) =>
  (await counted(...asked)).told.windows.map(({ startMs, count, before }) => [startMs, count, before])

describe('records are counted by the window of their event time', () => {
  test('over partitions, in order', async () => {
    const logs = [
      { begun: 0, values: atSeconds(125, 0, 59.999_999) },
      { begun: 0, values: atSeconds(60, 1) },
    ]
    const { told } = await counted(logs)
    expect(told).toEqual({
      topic: 'clean',
      windowMs: MINUTE,
      windows: [
        { startMs: 0, count: 3, before: 0 },
        { startMs: MINUTE, count: 1, before: 0 },
        { startMs: 2 * MINUTE, count: 1, before: 0 },
      ],
      ends: [
        { partition: 0, offset: 3, high: 3 },
        { partition: 1, offset: 2, high: 2 },
      ],
      unit: 'micros',
      grew: false,
      unreadable: 0,
      timeless: 0,
      leftOut: 0,
      snapshotId: null,
      gone: null,
    })
    expect(await windowsOf(logs, { windowMs: 120_000 })).toEqual([
      [0, 4, 0],
      [2 * MINUTE, 1, 0],
    ])
  })

  test('before 1970, too', async () => {
    expect(await windowsOf([{ begun: 0, values: atSeconds(-0.000_001, -59, -60, -60.000_001, -120) }])).toEqual([
      [-2 * MINUTE, 2, 0],
      [-MINUTE, 3, 0],
    ])
  })

  test('in milliseconds or microseconds, null or not', async () => {
    const values = [
      value(60_000, { as: codecs.millis }),
      value(-1, { as: codecs.millis }),
      value(60 * SECOND_MICROS),
      value(60 * SECOND_MICROS, { as: codecs.nullable }),
    ]
    expect(await windowsOf([{ begun: 0, values }])).toEqual([
      [-MINUTE, 1, 0],
      [MINUTE, 3, 0],
    ])
  })
})

describe('records from before the audit', () => {
  test('are counted apart, in windows that have later ones as well', async () => {
    expect(await windowsOf([{ begun: 3, values: atSeconds(0, 61, 180, 62, 63, 120) }])).toEqual([
      [MINUTE, 2, 1],
      [2 * MINUTE, 1, 0],
    ])
  })

  test.each<[what: string, low: number, offsetFirst: number]>([
    ['ten thousand of each partition', 0, 15_000],
    ['as many as retention has left', 24_998, 24_998],
  ])('are read: %s', async (_, low, offsetFirst) => {
    const values = Array.from({ length: 25_001 - low }, () => null)
    const { spans } = await counted([
      { low, begun: 25_000, values },
      { begun: 0, values: [] },
    ])
    expect(spans).toEqual([{ partition: 0, offsetFirst, offsetLast: 25_000 }])
  })

  test('are in no other count', async () => {
    const without = [null, value(null, { as: codecs.nullable }), Buffer.from([0, 0, 0, 0, 1, 9]), Buffer.from('text')]
    const { told } = await counted([{ begun: 4, values: [...without, ...atSeconds(0)] }])
    expect(told).toMatchObject({ windows: [{ startMs: 0, count: 1, before: 0 }], leftOut: 0, timeless: 0, unreadable: 0 })
  })
})

describe('a record', () => {
  const OTHER_SCHEMA = 9
  test.each<[what: string, one: Buffer | null, counts: { leftOut: number; timeless: number; unreadable: number }]>([
    ['without a value is left out', null, { leftOut: 1, timeless: 0, unreadable: 0 }],
    ['whose event time is null is timeless', value(null, { as: codecs.nullable }), { leftOut: 0, timeless: 1, unreadable: 0 }],
    ['that is no Avro of its schema is unreadable', Buffer.from([0, 0, 0, 0, 1, 9]), { leftOut: 0, timeless: 0, unreadable: 1 }],
    ['without a schema is unreadable', Buffer.from('text'), { leftOut: 0, timeless: 0, unreadable: 1 }],
    ['whose schema nobody knows is unreadable', Buffer.from([0, 0, 0, 0, OTHER_SCHEMA, 1]), { leftOut: 0, timeless: 0, unreadable: 1 }],
    ['whose field is no timestamp is unreadable', value(60_000, { as: codecs.long }), { leftOut: 0, timeless: 0, unreadable: 1 }],
  ])('%s, and holds up no other', async (_, one, counts) => {
    const { told } = await counted([{ begun: 0, values: [...atSeconds(0), one, ...atSeconds(1)] }])
    expect(told).toMatchObject({ windows: [{ startMs: 0, count: 2 }], gone: null, ...counts })
  })

  test('whose event time is beyond what a fact can tell holds up no other', async () => {
    // The greatest long, as many write it for never; ours does not write any as wide.
    const written = value(0)
    const at = written.indexOf('XNAS') + 'XNAS'.length
    const greatest = Buffer.from('feffffffffffffffff01', 'hex')
    const never = Buffer.concat([written.subarray(0, at), greatest, written.subarray(at + 1)])
    const { told: counts } = await counted([{ begun: 0, values: [...atSeconds(0), never] }])
    expect(counts.windows).toContainEqual({ startMs: 0, count: 1, before: 0 })
    expect(() => encodeResult(told('audit-times', { side: 'topic', ...counts }))).not.toThrow()
  })

  test('without the field is unreadable', async () => {
    const { told } = await counted([{ begun: 0, values: atSeconds(0, 1) }], { field: 'settled_at' })
    expect(told).toMatchObject({ windows: [], unreadable: 2, timeless: 0 })
  })

  test('whose schema is not to be had while the registry is away is asked for again', async () => {
    const codecOf = () => Promise.reject(new AssayError('REGISTRY_UNAVAILABLE', 'away'))
    await expect(counted([{ begun: 0, values: atSeconds(0) }], { codecOf })).rejects.toThrow('away')
  })
})

test('canaries of other runs are not counted, those of the run and records of others are', async () => {
  const own = canaryIdText({ runId: RUN, stream: 1, seq: 7 })
  const foreign = canaryIdText({ runId: RUN.replace(/.$/, 'f'), stream: 0, seq: 1 })
  const ids = [foreign, own, foreign, 'T-1']
  const values = ids.map((trade_id) => value(0, { trade_id }))
  expect(await windowsOf([{ begun: 2, values: [...values.slice(2), ...values] }])).toEqual([[0, 2, 1]])
})

describe('nobody can tell any more', () => {
  test('when retention has removed records of the audit', async () => {
    const { told, spans } = await counted([
      { begun: 0, values: atSeconds(0) },
      { low: 10, begun: 9, values: atSeconds(0) },
    ])
    expect(told).toMatchObject({ windows: [], gone: 'partition 1: what is below offset 10 was removed from topic clean' })
    expect(spans).toEqual([])
  })

  test('but records from before the audit may be removed, and all of a partition to which none came', async () => {
    const { told } = await counted([
      { low: 10, begun: 10, values: atSeconds(0) },
      { low: 5, begun: 5, values: [] },
    ])
    expect(told).toMatchObject({ windows: [{ startMs: 0, count: 1, before: 0 }], gone: null })
  })

  test('when a partition is there no more', async () => {
    const begun = new Map([
      [0, 0],
      [1, 0],
    ])
    const { told, spans } = await counted([{ values: atSeconds(0) }], { begun })
    expect(told).toMatchObject({ windows: [], gone: 'topic clean has no partition 1 any more' })
    expect(spans).toEqual([])
  })

  test('when the topic ends before the audit began: it was made anew', async () => {
    const { told } = await counted([{ begun: 5, values: atSeconds(0, 1) }])
    expect(told.gone).not.toBeNull()
  })

  test('when records lie in more windows than are compared', async () => {
    const minutes = (count: number) => atSeconds(...Array.from({ length: count }, (_, i) => 60 * i))
    expect((await counted([{ begun: 0, values: minutes(TIMES_MAX) }])).told).toMatchObject({ gone: null })
    expect((await counted([{ begun: 0, values: minutes(TIMES_MAX + 1) }])).told).toMatchObject({
      windows: [],
      gone: `records lie in more than ${TIMES_MAX} windows of 60 s: longer ones are needed`,
    })
    // Windows of before alone are not among them.
    expect((await counted([{ begun: 1, values: minutes(TIMES_MAX + 1) }])).told).toMatchObject({ gone: null })
    // Unless they are too many to be kept apart from those that count.
    const many = 4 * TIMES_MAX
    expect((await counted([{ begun: many, values: minutes(many + 1) }])).told.gone).toContain('longer ones are needed')
  })
})

test('a partition that is new is counted from its first record on', async () => {
  const { told } = await counted([{ begun: 1, values: atSeconds(0, 1) }, { values: atSeconds(0, 1, 2) }])
  expect(told).toMatchObject({ windows: [{ startMs: 0, count: 4, before: 1 }], gone: null })
  const { told: removed } = await counted([
    { begun: 0, values: [] },
    { low: 1, values: atSeconds(0) },
  ])
  expect(removed.gone).toBe('partition 1: what is below offset 1 was removed from topic clean')
})

test('ends lie behind the last record that came since the audit began', async () => {
  const { told } = await counted([
    { begun: 2, values: atSeconds(0, 1) },
    { begun: 1, values: atSeconds(0, 1, 2) },
    { begun: 0, values: [] },
  ])
  expect(told.ends).toEqual([
    { partition: 0, offset: 0, high: 2 },
    { partition: 1, offset: 3, high: 3 },
    { partition: 2, offset: 0, high: 0 },
  ])
})

import { describe, expect, test } from 'vitest'
import { AssayError } from '../core/errors.ts'
import { canaryIdText, traceIdOf } from '../core/identity.ts'
import { RUN, recordSchema } from '../core/told-run.fixture.ts'
import { createCanarySearch, type UnreadableRecord } from './canary-search.ts'
import { connectKafka } from './kafka.ts'
import { recordCodec } from './record-codec.ts'

const OURS = 7
const FOREIGN = 8
const AWAY = 9
/** With a list more, or with one in the place of the identity. */
const WIDER = 10
const NAMELESS = 11
const codec = recordCodec(OURS, recordSchema)
const ours = JSON.parse(recordSchema) as { fields: { name: string; type: unknown }[] }
const list = { type: 'array', items: 'string' }
const schemas = new Map<number, object>([
  [OURS, ours],
  [FOREIGN, { type: 'enum', name: 'E', symbols: ['A'] }],
  [WIDER, { ...ours, fields: [...ours.fields, { name: 'legs', type: list }] }],
  [NAMELESS, { ...ours, fields: ours.fields.map((field) => (field.name === 'trade_id' ? { ...field, type: list } : field)) }],
])
const search = createCanarySearch({
  kafka: connectKafka({ brokers: ['nowhere:1'], clientId: 'assay.test' }),
  identityField: 'trade_id',
  registry: {
    schemaById: (id) => {
      const schema = schemas.get(id)
      if (schema !== undefined) return Promise.resolve(schema)
      return Promise.reject(new AssayError(id === AWAY ? 'REGISTRY_UNAVAILABLE' : 'SCHEMA_UNKNOWN', `schema ${id}`))
    },
  },
})

const trace = (seq: number) => ({ traceparent: Buffer.from(`00-${traceIdOf({ runId: RUN, stream: 1, seq })}-00f067aa0ba902b7-01`) })
const framed = (schemaId: number, ...body: number[]) => Buffer.from([0, 0, 0, 0, schemaId, ...body])
const canary = (seq: number) =>
  codec.encode({ trade_id: canaryIdText({ runId: RUN, stream: 1, seq }), symbol: 's1', venue: 'XTST', traded_at: 0, price: 1n, note: null })

const ID_BYTES = canaryIdText({ runId: RUN, stream: 1, seq: 3 }).length

async function looked(...records: { value: Buffer | null; headers?: Readonly<Record<string, Buffer>> }[]) {
  const unreadable: UnreadableRecord[] = []
  const found = await search.locate(RUN, new Set(['1/3', '1/4']), {
    partition: 2,
    records: records.map(({ value, headers = {} }, offset) => ({ offset, timestampMs: 0, key: null, value, headers })),
    onUnreadable: (record) => unreadable.push(record),
  })
  return { found: found.map(({ seq, offset }) => [seq, offset]), unreadable: unreadable.map(({ seq, offset }) => [seq, offset]) }
}

describe('a search for canaries', () => {
  test('finds those that are wanted', async () => {
    expect(await looked({ value: canary(3) }, { value: canary(5) }, { value: canary(4) })).toEqual({
      found: [
        [3, 0],
        [4, 2],
      ],
      unreadable: [],
    })
  })

  test('finds those beside which a field stands that nobody models', async () => {
    const value = Buffer.concat([framed(WIDER), canary(3).subarray(5), Buffer.from([0])])
    expect(await looked({ value })).toEqual({ found: [[3, 0]], unreadable: [] })
  })

  test.each<[what: string, value: Buffer]>([
    ['framed by a schema that nobody knows', framed(99, 1)],
    ['framed by a schema of something else', framed(FOREIGN, 0)],
    ['cut short', canary(3).subarray(0, 40)],
    ['whose identity is of a type that nobody models', Buffer.concat([framed(NAMELESS, 0), canary(3).subarray(6 + ID_BYTES)])],
    ['in no framing', Buffer.from('{"trade_id": "x"}')],
  ])('goes on behind a record %s, and knows a wanted one by its trace', async (...[, value]) => {
    expect(await looked({ value }, { value, headers: trace(3) }, { value, headers: trace(9) }, { value: canary(4) })).toEqual({
      found: [[4, 3]],
      unreadable: [[3, 1]],
    })
  })

  test('takes a record without a value for no canary, whatever its trace', async () => {
    expect(await looked({ value: null, headers: trace(3) })).toEqual({ found: [], unreadable: [] })
  })

  test('fails where the registry is away: what it could not read is not missing', async () => {
    await expect(looked({ value: framed(AWAY, 1) })).rejects.toThrow('schema 9')
  })
})

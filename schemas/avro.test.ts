import avro from 'avsc'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { arbitraryMessage } from './arbitrary.ts'
import { avroRecordOf, avroUnionOf, kindOf, type AvroRecord } from './avro-schema.ts'
import {
  controlAvroSchema,
  decodeControl,
  decodeResult,
  encodeControl,
  encodeResult,
  LONG_MAX,
  LONG_MIN,
  resultsAvroSchema,
} from './avro.ts'
import { ContractError } from './contract-error.ts'
import { controlMessage, controlMessages } from './control.ts'
import { resultMessage, resultMessages, type Fact } from './results.ts'

const RUNS = 60
const head = { agent: 'reporter', instance: 'reporter-1', atMs: 1_700_000_000_000 }
const heartbeat: Fact<'agent-heartbeat'> = { kind: 'agent-heartbeat', ...head, startedAtMs: 1, version: '1.0.0', residentBytes: 2 }

describe('what is written is what is read', () => {
  test.each(resultMessages.map((message) => [kindOf(message), message] as const))('%s', (_, schema) => {
    fc.assert(
      fc.property(arbitraryMessage(schema), (value) => {
        const message = resultMessage.parse(value)
        expect(decodeResult(encodeResult(message))).toEqual(message)
      }),
      { numRuns: RUNS },
    )
  })

  test.each(controlMessages.map((message) => [kindOf(message), message] as const))('%s', (_, schema) => {
    fc.assert(
      fc.property(arbitraryMessage(schema), (value) => {
        const message = controlMessage.parse(value)
        expect(decodeControl(encodeControl(message))).toEqual(message)
      }),
      { numRuns: RUNS },
    )
  })

  test('the same bytes as Avro itself writes for the union, so any Avro reader reads them', () => {
    const union = avro.Type.forSchema(resultsAvroSchema as unknown as avro.Schema)
    expect(union.fromBuffer(encodeResult(heartbeat))).toEqual({ 'dev.assay.results.AgentHeartbeat': { ...heartbeat, kind: undefined } })
  })

  test('a message larger than the scratch buffer', () => {
    const problems = Array.from({ length: 20_000 }, (_, i) => `problem ${i}`)
    const message: Fact<'request-refused'> = { kind: 'request-refused', ...head, controlOffset: 1, problems, excerpt: '' }
    expect(decodeResult(encodeResult(message))).toEqual(message)
    expect(decodeResult(encodeResult(heartbeat))).toEqual(heartbeat)
  })

  test('what was encoded is not overwritten by the next', () => {
    const first = encodeResult(heartbeat)
    const before = Buffer.from(first)
    encodeResult({ ...heartbeat, agent: 'someone else' })
    expect(first).toEqual(before)
  })
})

describe('what cannot be written or read is said', () => {
  test.each([LONG_MAX + 1, LONG_MIN - 1, 1.5, NaN, Infinity])('a long of %d', (residentBytes) => {
    expect(() => encodeResult({ ...heartbeat, residentBytes })).toThrow(
      `agent-heartbeat.residentBytes: expected an integer of -2^52 to 2^53 - 2, got ${residentBytes}`,
    )
  })

  test('a long beyond 2^53 that somebody else wrote', () => {
    const bytes = Buffer.concat([
      encodeResult({ ...heartbeat, residentBytes: 0 }).subarray(0, -1),
      Buffer.from('feffffffffffffffff01', 'hex'),
    ])
    expect(() => decodeResult(bytes)).toThrow(/agent-heartbeat: not readable as Avro/)
  })

  test('a body cut short at any byte', () => {
    const bytes = encodeResult(heartbeat)
    for (let end = 0; end < bytes.length; end++) expect(() => decodeResult(bytes.subarray(0, end))).toThrow(ContractError)
  })

  test('bytes too many', () => {
    expect(() => decodeResult(Buffer.concat([encodeResult(heartbeat), Buffer.from([0])]))).toThrow('1 bytes too many')
  })

  test('values that Avro allows and the contract does not', () => {
    expect(() => decodeControl(encodeControl({ kind: 'run-cancelled', runId: 'no id', reason: '', requestedBy: '' }))).toThrow(
      'runId: expected a lower-case UUID, 8-4-4-4-12 hex digits, got "no id"',
    )
  })

  test('a record of a newer kind is unknown, not broken', () => {
    const newer = Buffer.concat([Buffer.from([resultMessages.length * 2]), Buffer.from('whatever')])
    expect(problemOf(() => decodeResult(newer))).toBe('unknown-kind')
    expect(problemOf(() => decodeResult(Buffer.from([255, 127, 1])))).toBe('unreadable')
  })
})

describe('other versions', () => {
  const ownIndex = resultMessages.findIndex((message) => kindOf(message) === 'agent-heartbeat')
  const own = resultsAvroSchema[ownIndex] as AvroRecord
  const without = (name: string): AvroRecord => ({ ...own, fields: own.fields.filter((field) => field.name !== name) })

  test('an older record, from before a nullable field or one with a default was added, is read', () => {
    const older = z.object({ kind: z.literal('thing'), name: z.string() })
    const newer = older.extend({ note: z.string().nullable(), count: z.int().default(7), mode: z.string().nullable().default('fast') })
    const writer = avro.Type.forSchema(avroRecordOf(older, 'test') as unknown as avro.Schema)
    const reader = avro.Type.forSchema(avroRecordOf(newer, 'test') as unknown as avro.Schema)
    expect({ ...reader.fromBuffer(writer.toBuffer({ name: 'a' }), reader.createResolver(writer)) }).toEqual({
      name: 'a',
      note: null,
      count: 7,
      mode: 'fast',
    })
  })

  test.each(
    resultMessages.flatMap((message, index) =>
      nullableFields(resultsAvroSchema[index] as AvroRecord).map((field) => [kindOf(message), field, index] as const),
    ),
  )('%s written without %s reads as null', (_, field, index) => {
    const full = resultsAvroSchema[index] as AvroRecord
    const writerSchema = resultsAvroSchema.map((record) =>
      record === full ? { ...full, fields: full.fields.filter(({ name }) => name !== field) } : record,
    )
    const sample = resultMessage.parse(
      fc.sample(arbitraryMessage(resultMessages[index] as (typeof resultMessages)[number]), { numRuns: 1, seed: 1 })[0],
    )
    expect(decodeResult(bodyOf(writerSchema, index, sample), writerSchema)).toEqual({ ...sample, [field]: null })
  })

  test('a newer record with a field added is read without it', () => {
    const record = { ...own, fields: [...own.fields, { name: 'mood', type: 'string' as const }] }
    const writerSchema = resultsAvroSchema.with(ownIndex, record)
    expect(decodeResult(bodyOf(writerSchema, ownIndex, { ...heartbeat, mood: 'good' }), writerSchema)).toEqual(heartbeat)
  })

  test('a writer of one kind alone, whose schema is its record and no union, is read', () => {
    const type = avro.Type.forSchema(own as unknown as avro.Schema)
    expect(decodeResult(type.toBuffer(heartbeat), own)).toEqual(heartbeat)
  })

  test('a newer writer with a kind added is read but for that kind', () => {
    const added: AvroRecord = { type: 'record', name: 'Novelty', namespace: 'dev.assay.results', fields: [{ name: 'x', type: 'long' }] }
    const writerSchema = [...resultsAvroSchema, added]
    expect(decodeResult(encodeResult(heartbeat), writerSchema)).toEqual(heartbeat)
    expect(problemOf(() => decodeResult(bodyOf(writerSchema, resultsAvroSchema.length, { x: 1 }), writerSchema))).toBe('unknown-kind')
  })

  test('a writer whose record lacks what has no default is refused by name', () => {
    const writerSchema = resultsAvroSchema.with(ownIndex, without('version'))
    expect(() => decodeResult(encodeResult(heartbeat), writerSchema)).toThrow(/writer's schema:.*version/)
  })

  test('names are unique within a topic, and the union is in the order of the messages', () => {
    for (const [schema, messages] of [
      [resultsAvroSchema, resultMessages],
      [controlAvroSchema, controlMessages],
    ] as const) {
      const names = JSON.stringify(schema).match(/"type":"record","name":"\w+"/g) ?? []
      expect(new Set(names).size).toBe(names.length)
      expect(schema).toEqual(avroUnionOf(messages, schema[0]?.namespace ?? ''))
    }
  })
})

test('a shape that has no Avro form is refused by its path', () => {
  const message = (shape: z.ZodRawShape) => z.object({ kind: z.literal('odd-one'), ...shape })
  expect(() => avroRecordOf(message({ a: z.string().optional() }), 'test')).toThrow(
    'OddOne.a: the contract has no Avro form for an optional field',
  )
  expect(() => avroRecordOf(message({ a: z.union([z.string(), z.int()]) }), 'test')).toThrow('OddOneA: the contract has no Avro form')
  expect(() => avroRecordOf(message({ a: z.array(z.tuple([z.int()])) }), 'test')).toThrow('OddOneA')
})

const nullableFields = (record: AvroRecord) => record.fields.filter(({ type }) => Array.isArray(type)).map(({ name }) => name)

/** As a writer with this schema would write it. */
function bodyOf(schema: readonly AvroRecord[], index: number, value: object): Buffer {
  const type = avro.Type.forSchema(schema[index] as unknown as avro.Schema, { wrapUnions: false })
  return Buffer.concat([Buffer.from([index * 2]), type.toBuffer(value)])
}

function problemOf(read: () => unknown): string {
  try {
    read()
  } catch (error) {
    if (error instanceof ContractError) return error.problem
    throw error
  }
  return 'none'
}

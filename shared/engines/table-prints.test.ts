import fc from 'fast-check'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { AuditField } from '../../schemas/results/audit-window.ts'
import { canonicalValues, hashedText } from '../core/audit-fields.ts'
import { IntervalPrints, withParts } from '../core/audit-print.ts'
import { auditState } from '../core/audit-state.ts'
import { foldAudit, type Audit, type AuditFact } from '../core/audit.ts'
import { record } from '../core/audited-sides.fixture.ts'
import type { CanaryRecord, FieldType } from '../core/record-schema.ts'
import { TABLE, told } from '../core/told-run.fixture.ts'
import { canaryColumns } from './canary-columns.ts'
import { parquetFiles, quoteText } from './duckdb.ts'
import { addRecord } from './record-hash.ts'
import { addRows, emptyTablePrints, rowsAt, type AuditedRows } from './table-prints.ts'
import { useScratchEngine } from './scratch-engine.fixture.ts'

const scratch = useScratchEngine()

const kafka = { partitionField: 'p', offsetField: 'o' }

/** Each field in the topic, the table's type of it, and the SQL that makes it that from what the record holds. */
const fields: { name: string; type: FieldType; as: AuditField['as']; column: string; sql: string }[] = [
  { name: 'note', type: { kind: 'string' }, as: 'text', column: 'string', sql: 'note' },
  {
    name: 'price',
    type: { kind: 'decimal', precision: 18, scale: 6 },
    as: 'exact',
    column: 'decimal(38,10)',
    sql: 'price::DECIMAL(38,10)',
  },
  { name: 'size', type: { kind: 'int' }, as: 'exact', column: 'decimal(12,2)', sql: 'size::DECIMAL(12,2)' },
  { name: 'count', type: { kind: 'long' }, as: 'exact', column: 'long', sql: '"count"' },
  { name: 'ratio', type: { kind: 'double' }, as: 'floating', column: 'double', sql: 'ratio' },
  { name: 'open', type: { kind: 'boolean' }, as: 'boolean', column: 'boolean', sql: '"open"' },
  { name: 'raw', type: { kind: 'bytes' }, as: 'bytes', column: 'binary', sql: 'raw' },
  { name: 'day', type: { kind: 'date' }, as: 'days', column: 'date', sql: `DATE '1970-01-01' + "day"::INTEGER` },
  { name: 'millis', type: { kind: 'timestamp-millis' }, as: 'micros', column: 'timestamptz', sql: 'make_timestamptz(millis * 1000)' },
  { name: 'micros', type: { kind: 'timestamp-micros' }, as: 'micros', column: 'timestamp', sql: 'make_timestamp(micros)' },
  { name: 'tags', type: { kind: 'string-map' }, as: 'map', column: 'map<string, string>', sql: 'tags' },
  {
    name: 'rate',
    type: { kind: 'decimal', precision: 4, scale: 4 },
    as: 'exact',
    column: 'decimal(4,4)',
    sql: 'rate::DECIMAL(4,4)',
  },
  { name: 'order', type: { kind: 'string' }, as: 'uuid', column: 'uuid', sql: '"order"::UUID' },
]
const audited = fields.map(({ name: field, as }) => ({ field, as }))
const columnTypes = new Map(fields.map(({ name, column }) => [name, column]))
const types = new Map(fields.map(({ name, type }) => [name, type]))
const year = 31_536_000_000

const recordOf = fc.record({
  note: fc.option(fc.string({ unit: 'grapheme', maxLength: 12 }), { nil: null }),
  price: fc.option(fc.bigInt({ min: -(10n ** 17n), max: 10n ** 17n }), { nil: null }),
  size: fc.integer({ min: -1_000_000, max: 1_000_000 }),
  count: fc.maxSafeInteger(),
  ratio: fc.option(fc.double(), { nil: null }),
  open: fc.boolean(),
  raw: fc.option(fc.uint8Array({ maxLength: 8 }), { nil: null }),
  day: fc.integer({ min: -30_000, max: 60_000 }),
  millis: fc.integer({ min: -50 * year, max: 100 * year }),
  micros: fc.integer({ min: -50_000 * year, max: 100_000 * year }),
  tags: fc.option(
    fc.dictionary(fc.string({ unit: 'grapheme', maxLength: 4 }), fc.string({ maxLength: 4 }), { maxKeys: 4, noNullPrototype: true }),
    { nil: null },
  ),
  rate: fc.bigInt({ min: -9_999n, max: 9_999n }),
  order: fc.oneof(
    fc.uuid(),
    fc.uuid().map((id) => id.toUpperCase()),
  ),
}) satisfies fc.Arbitrary<CanaryRecord>

const canaryFields = fields.map(({ name, type }) => ({ name, type, nullable: true }))

async function tableOf(records: readonly CanaryRecord[]): Promise<AuditedRows> {
  const columns = canaryColumns(canaryFields, records)
  const place = { name: 'o', type: 'bigint' as const, values: records.map((_, offset) => BigInt(offset)) }
  await scratch.db.appendColumns('produced', [...columns, place])
  const projected = fields.map(({ name, sql }) => `${sql} AS "${name}"`)
  return { from: `(SELECT 2 AS p, o, ${projected.join(', ')} FROM produced)`, kafka, fields: audited, types: columnTypes }
}

test('the print of rows is that of the records they were written from, whatever their types', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(recordOf, { minLength: 1, maxLength: 20 }), async (records) => {
      const interval = withParts({ partition: 2, offsetFirst: 0, offsetLast: records.length - 1 })
      const topic = new IntervalPrints(interval)
      records.forEach((one, offset) => {
        addRecord(topic, offset, hashedText(2, offset, canonicalValues({ key: null, record: one }, types, audited)))
      })
      const rows = await tableOf(records)
      const table = emptyTablePrints(interval)
      await addRows(scratch.db, rows, [table])
      const shown = await rowsAt(
        scratch.db,
        rows,
        records.map((_, offset) => ({ partition: 2, offset })),
      )
      // First the values, which say what differs.
      expect(shown.map(({ values }) => values)).toEqual(records.map((one) => canonicalValues({ key: null, record: one }, types, audited)))
      expect(table.prints).toEqual(topic.toWire())
      expect(table.lastRecord).toBe(records.length - 1)
    }),
    { numRuns: 60 },
  )
})

const COUNT = 1_000_000
const CHANGED = 654_321

/** Offset by offset, as the SQL below writes it. */
const valuesOf = (offset: number) => [`T-${offset}`, `${offset}.25`, offset % 3 === 0 ? null : 'cross']

test('one field of one record among a million is found and named', async () => {
  const path = join(scratch.folder, 'million.parquet')
  await scratch.db.query(`COPY (SELECT 0 AS p, i AS o, 'T-' || i AS trade_id,
      (i + 0.25)::DECIMAL(18, 4) + CASE WHEN i = ${CHANGED} THEN 0.01 ELSE 0 END AS price, CASE WHEN i % 3 = 0 THEN NULL ELSE 'cross' END AS note
    FROM range(${COUNT}) t(i)) TO ${quoteText(path)} (FORMAT parquet)`)
  const named: AuditField[] = [
    { field: 'trade_id', as: 'text' },
    { field: 'price', as: 'exact' },
    { field: 'note', as: 'text' },
  ]
  const rows: AuditedRows = {
    from: parquetFiles([path]),
    kafka,
    fields: named,
    types: new Map([
      ['trade_id', 'string'],
      ['price', 'decimal(18,4)'],
      ['note', 'string'],
    ]),
  }
  const audits = new Map<string, Audit>()
  const say = (fact: AuditFact) => {
    foldAudit(audits, fact)
  }
  say(told('audit-due', { windows: [{ partition: 0, offsetFirst: 0, offsetLast: COUNT - 1 }] }))
  let state = auditState(audits.get(TABLE) as Audit)
  let hashed = 0
  for (; !state.isDone; state = auditState(audits.get(TABLE) as Audit)) {
    for (const wanted of state.wanted.topic) {
      const { partition, offsetFirst, offsetLast, step } = wanted
      const prints = new IntervalPrints(wanted)
      for (let offset = offsetFirst; offset <= offsetLast; offset++) addRecord(prints, offset, hashedText(0, offset, valuesOf(offset)))
      hashed += offsetLast - offsetFirst + 1
      const { lastRecord } = prints
      say(
        told('audit-window', {
          side: 'topic',
          partition,
          offsetFirst,
          offsetLast,
          step,
          prints: prints.toWire(),
          fields: named,
          lastRecord,
        }),
      )
    }
    for (const wanted of state.wanted.table) {
      const { partition, offsetFirst, offsetLast, step } = wanted
      const into = emptyTablePrints(wanted)
      await addRows(scratch.db, rows, [into])
      say(told('audit-window', { side: 'table', partition, offsetFirst, offsetLast, step, prints: into.prints, fields: named }))
    }
    for (const { partition, offset } of state.records.topic)
      say(
        told('audit-records', { side: 'topic', partition, offsets: [offset], fields: named, records: [record(offset, valuesOf(offset))] }),
      )
    for (const { partition, offset } of state.records.table) {
      const found = await rowsAt(scratch.db, rows, [{ partition, offset }])
      say(
        told('audit-records', {
          side: 'table',
          partition,
          offsets: [offset],
          fields: named,
          records: found.map(({ values }) => record(offset, values)),
        }),
      )
    }
  }
  expect(state.findings).toEqual([
    expect.objectContaining({
      violation: 'corrupted',
      partition: 0,
      offset: CHANGED,
      field: 'price',
      expected: `${CHANGED}.25`,
      actual: `${CHANGED}.26`,
    }),
  ])
  expect(state.compared).toBe(COUNT)
  // The narrower looks are a hundredth of the first, and so on.
  expect(hashed).toBeLessThan(COUNT * 1.02)
})

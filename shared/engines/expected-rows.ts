import { canaryContent, streamLength, type CanaryAt } from '../core/canary.ts'
import { canaryIdText } from '../core/identity.ts'
import { readRecordSchema, type FieldType, type RecordField } from '../core/record-schema.ts'
import type { Expectation } from '../../topology/topology.ts'
import type { ResolvedRun } from '../../topology/resolved-run.ts'
import { canaryColumns, expectedFields } from './canary-columns.ts'
import { projectRows } from './content-check.ts'
import type { DuckDb } from './duckdb.ts'

/** What the canaries of a run are, as every agent computes them from the resolved run alone. */
export interface RunCanaries {
  readonly runId: string
  readonly resolved: ResolvedRun
  readonly fields: readonly RecordField[]
  readonly at: CanaryAt
}

export function runCanaries(runId: string, resolved: ResolvedRun): RunCanaries {
  const fields = readRecordSchema(resolved.recordSchema)
  const { seed, record } = resolved
  return { runId, resolved, fields, at: canaryContent({ runId, seed, load: resolved.plan.load, record, fields }) }
}

/** Field name to expected text; absent fields are not checked. */
export type ExpectedRow = ReadonlyMap<string, string | null>

export interface ExpectedRows {
  /** The row of a canary as the hop must hold it. Errors are ENGINE_FAILED, or INPUT_INVALID for a projection that does not fit. */
  rowOf(stream: number, seq: number): Promise<ExpectedRow>
  typeOf(field: string): FieldType | null
}

/** Rows held at once, over all streams: the one being read of each, and the one before. */
const ROWS_KEPT_MAX = 8_192
const BLOCK_MAX = 256
const BLOCK_MIN = 16

/** For hops that project: rows come in blocks of consecutive seqs. Where nothing is projected, `RunCanaries.at` is the answer. */
export function expectedRows(db: DuckDb, canaries: RunCanaries, projected: readonly Expectation[]): ExpectedRows {
  const blocks = new Map<string, Promise<ReadonlyMap<string, ExpectedRow>>>()
  const { streams } = canaries.resolved.plan.load
  // One query serves a block; a stream is read in order, so that each needs little more than one.
  const block = Math.max(BLOCK_MIN, Math.min(BLOCK_MAX, Math.floor(ROWS_KEPT_MAX / 2 / streams)))
  const blocksKeptMax = Math.ceil(ROWS_KEPT_MAX / block)
  const types = new Map(canaries.fields.map(({ name, type }) => [name, type]))
  for (const { field, type } of projected) types.set(field, projectedType(type) ?? types.get(field) ?? { kind: 'string' })
  return {
    typeOf: (field) => types.get(field) ?? null,
    async rowOf(stream, seq) {
      const index = Math.floor(seq / block)
      const key = `${stream}/${index}`
      let rows = blocks.get(key)
      if (rows === undefined) {
        const oldest = blocks.keys().next()
        if (blocks.size >= blocksKeptMax && oldest.done !== true) blocks.delete(oldest.value)
        rows = makeBlock(db, { canaries, projected, stream, seqFirst: index * block, rowCount: block })
        blocks.set(key, rows)
        // A block that failed is asked for again the next time.
        rows.catch(() => blocks.delete(key))
      }
      return (await rows).get(canaryIdText({ runId: canaries.runId, stream, seq })) ?? new Map()
    },
  }
}

interface BlockOf {
  readonly canaries: RunCanaries
  readonly projected: readonly Expectation[]
  readonly stream: number
  readonly seqFirst: number
  readonly rowCount: number
}

async function makeBlock(
  db: DuckDb,
  { canaries, projected, stream, seqFirst, rowCount }: BlockOf,
): Promise<ReadonlyMap<string, ExpectedRow>> {
  const { fields, resolved, at } = canaries
  const seqEnd = Math.min(seqFirst + rowCount, streamLength(resolved.plan.load, stream))
  const records = Array.from({ length: Math.max(0, seqEnd - seqFirst) }, (_, i) => at(stream, seqFirst + i))
  const { identity } = resolved.record
  const expect = expectedFields(fields, projected)
  const rows = await projectRows(db, { columns: canaryColumns(fields, records), identityField: identity, expect })
  return new Map([...rows].map(([id, texts]) => [id, new Map(expect.map(({ field }, i) => [field, texts[i] ?? null]))]))
}

/** A DuckDB decimal as a field type, so that cut digits are told from a wrong value. */
export function projectedType(type: string): FieldType | null {
  const decimal = /^DECIMAL\((\d+), ?(\d+)\)$/i.exec(type)
  return decimal === null ? null : { kind: 'decimal', precision: Number(decimal[1]), scale: Number(decimal[2]) }
}

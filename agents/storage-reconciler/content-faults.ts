import { kindOfDifference } from '../../shared/core/content.ts'
import type { CanarySet } from '../../shared/core/canary-set.ts'
import { members } from '../../shared/core/range-set.ts'
import type { CanaryRecord } from '../../shared/core/record-schema.ts'
import { canaryColumns, expectedFields } from '../../shared/engines/canary-columns.ts'
import { checkContent, type Mismatch } from '../../shared/engines/content-check.ts'
import { projectedType, type RunCanaries } from '../../shared/engines/expected-rows.ts'
import type { TableHop } from '../../topology/topology.ts'
import type { RowFault } from './events.ts'
import { kafkaColumns } from './run-rows.ts'
import type { TableAccess } from './table-files.ts'

/** Rows compared at once: the engine holds both sides. */
const CONTENT_BLOCK = 4_000
const MISMATCHES_MAX = 10_000

/** Columns whose rows differ from what was produced, row by row. `paths` are local Parquet files. */
export async function contentFaults(
  { db, hop, topology }: Pick<TableAccess, 'db' | 'hop' | 'topology'>,
  { canaries, present, paths }: { canaries: RunCanaries; present: CanarySet; paths: readonly string[] },
): Promise<RowFault[]> {
  const identityField = topology.record.identity
  const expect = expectedFields(canaries.fields, hop.expect)
  const faults: RowFault[] = []
  const check = async (records: readonly CanaryRecord[]) => {
    const { mismatches } = await checkContent(db, {
      expected: { columns: canaryColumns(canaries.fields, records), identityField, expect },
      paths,
      identityField,
      kafka: kafkaColumns(hop),
      limit: MISMATCHES_MAX,
    })
    faults.push(...mismatches.map((mismatch) => faultOf({ canaries, hop }, mismatch)))
  }
  let block: CanaryRecord[] = []
  for (const stream of present.streams()) {
    for (const seq of members(present.ranges(stream))) {
      if (block.push(canaries.at(stream, seq)) < CONTENT_BLOCK) continue
      await check(block)
      block = []
    }
  }
  if (block.length > 0) await check(block)
  return faults
}

function faultOf(
  { canaries, hop }: { canaries: RunCanaries; hop: TableHop },
  { stream, seq, field, expected, actual, partition, offset }: Mismatch,
): RowFault {
  const projected = hop.expect.find((expectation) => expectation.field === field)
  const type = projectedType(projected?.type ?? '') ?? canaries.fields.find(({ name }) => name === field)?.type ?? null
  return {
    violation: kindOfDifference(type, expected, actual),
    place: { stream, seq, partition: partition ?? -1, offset: offset ?? -1 },
    field,
    expected: expected ?? 'null',
    actual: actual ?? 'null',
  }
}

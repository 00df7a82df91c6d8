import { differenceOf } from '../../shared/core/content.ts'
import type { CanarySet } from '../../shared/core/canary-set.ts'
import { members } from '../../shared/core/range-set.ts'
import type { CanaryRecord } from '../../shared/core/record-schema.ts'
import { canaryColumns, expectedFields } from '../../shared/engines/canary-columns.ts'
import { checkContent, type ContentCheck, type Mismatch } from '../../shared/engines/content-check.ts'
import type { Unread } from '../../shared/engines/column-projection.ts'
import { actualFingerprints, expectedFingerprints, groupOf } from '../../shared/engines/content-fingerprint.ts'
import { projectedType, type RunCanaries } from '../../shared/engines/expected-rows.ts'
import type { TableHop } from '../../topology/topology.ts'
import type { RowFault } from './events.ts'
import { kafkaColumns } from './run-rows.ts'
import type { TableAccess } from './table-files.ts'

/** Rows compared at once: the engine holds both sides. */
const CONTENT_BLOCK = 4_096
const MISMATCHES_MAX = 10_000
/** Of one snapshot: where so much is wrong, more names prove nothing more. */
const FAULTS_MAX = 100_000

interface ContentToCheck {
  readonly canaries: RunCanaries
  readonly present: CanarySet
  readonly paths: readonly string[]
  /** Columns that are not compared. */
  readonly unread: Unread
}

/**
 * Columns whose rows differ from what was produced. `paths` are local Parquet files, and are read once for the
 * fingerprints of what they hold; row by row only where one is not that of what was produced.
 */
export async function contentFaults(
  { db, hop, topology }: Pick<TableAccess, 'db' | 'hop' | 'topology'>,
  { canaries, present, paths, unread }: ContentToCheck,
): Promise<RowFault[]> {
  if (present.size === 0) return []
  const identityField = topology.record.identity
  const expect = expectedFields(canaries.fields, hop.expect).filter(({ field }) => !unread.has(field))
  const actual = await actualFingerprints(db, { expect, paths, identityField })
  const faults: RowFault[] = []
  for (const block of blocksOf({ canaries, present })) {
    const columns = canaryColumns(
      canaries.fields,
      block.map(({ record }) => record),
    )
    const prints = await expectedFingerprints(db, { columns, identityField, expect })
    const differing = block.filter(({ group }) => prints.get(group) !== actual.get(group))
    if (differing.length === 0) continue
    const check = (some: readonly CanaryRecord[]) =>
      checkContent(db, {
        expected: { columns: canaryColumns(canaries.fields, some), identityField, expect },
        ...{ paths, identityField, kafka: kafkaColumns(hop), limit: MISMATCHES_MAX },
      })
    const records = differing.map(({ record }) => record)
    for (const mismatch of await allMismatches(check, records)) faults.push(...faultsOf({ canaries, hop }, mismatch))
    if (faults.length > FAULTS_MAX) break
  }
  return faults
}

/** Where there are more than can be listed, of half as many records: some of them may be none on a closer look. */
async function allMismatches(
  check: (records: readonly CanaryRecord[]) => Promise<ContentCheck>,
  records: readonly CanaryRecord[],
): Promise<readonly Mismatch[]> {
  const { mismatches, mismatchCount } = await check(records)
  if (mismatchCount <= mismatches.length || records.length === 1) return mismatches
  const half = Math.ceil(records.length / 2)
  return [...(await allMismatches(check, records.slice(0, half))), ...(await allMismatches(check, records.slice(half)))]
}

interface Grouped {
  readonly record: CanaryRecord
  readonly group: string
}

/** Whole groups, several at a time where they are small: a group in two blocks would match neither of its halves. */
function* blocksOf({ canaries, present }: Pick<ContentToCheck, 'canaries' | 'present'>): Generator<Grouped[]> {
  let block: Grouped[] = []
  for (const stream of present.streams()) {
    for (const seq of members(present.ranges(stream))) {
      const group = groupOf(stream, seq)
      if (block.length >= CONTENT_BLOCK && group !== block.at(-1)?.group) {
        yield block
        block = []
      }
      block.push({ record: canaries.at(stream, seq), group })
    }
  }
  if (block.length > 0) yield block
}

function faultsOf(
  { canaries, hop }: { canaries: RunCanaries; hop: TableHop },
  { stream, seq, field, expected, actual, partition, offset }: Mismatch,
): RowFault[] {
  const projected = hop.expect.find((expectation) => expectation.field === field)
  const type = projectedType(projected?.type ?? '') ?? canaries.fields.find(({ name }) => name === field)?.type ?? null
  const found = differenceOf({ type, text: expected }, { type: null, text: actual })
  if (found === null) return []
  return [
    {
      ...found,
      place: { stream, seq, partition: partition ?? -1, offset: offset ?? -1 },
      field,
      expected: expected ?? 'null',
      actual: actual ?? 'null',
    },
  ]
}

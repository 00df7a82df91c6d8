import { rm } from 'node:fs/promises'
import type { Term } from '../../shared/core/rules.ts'
import type { TableFile } from '../../shared/iceberg/changes.ts'
import { decodeBound, type Comparable } from '../../shared/iceberg/column-bounds.ts'
import type { MetadataFault, RulesRead, UnreadableFile } from './events.ts'
import { checkFile, isChanged } from './file-checks.ts'
import type { FilePlan, PlannedFile } from './file-plan.ts'
import type { FileOffsets } from './repeated-offsets.ts'
import { checkFileTerms } from './rule-checks.ts'
import { addRunRows, kafkaColumns, noRows, offsetsIn, type RunRows } from './run-rows.ts'
import { faultOf, fetchFile, GONE, isEngineTrouble, isUsable, type ReadContext, type Unusable } from './table-files.ts'

export interface FilesRead {
  readonly before: RunRows
  readonly after: RunRows
  /** Of `after`, files of which every column can be read. */
  readonly intact: RunRows
  readonly offsets: FileOffsets[]
  readonly faults: MetadataFault[]
  readonly unreadable: UnreadableFile[]
  readonly rules: RulesRead[]
}

interface FilesToRead {
  readonly plan: FilePlan
  readonly unusable: Unusable
  readonly withOffsets: boolean
  /** Rules that new files are held to. */
  readonly terms?: readonly Term[]
}

/** Reads planned files one by one, and keeps of each only the run's rows. Throws OBJECT_MISSING for one that is not in `unusable`. */
export async function readFiles(context: ReadContext, { plan, unusable, withOffsets, terms = [] }: FilesToRead): Promise<FilesRead> {
  const read: FilesRead = { before: noRows(), after: noRows(), intact: noRows(), offsets: [], faults: [], unreadable: [], rules: [] }
  const there = (file: TableFile) => isUsable(unusable, file)
  for (const file of [...plan.deletesAfter, ...plan.emptiedBy]) {
    const actual = faultOf(unusable, file)
    if (actual !== null) read.faults.push({ file: file.path, expected: 'the delete file the manifest refers to', actual })
  }
  const deletes = { before: plan.deletesBefore.filter(there), after: plan.deletesAfter.filter(there) }
  for (const planned of plan.files) {
    const { file } = planned
    if (there(file)) await readFile(context, { planned, deletes, read, withOffsets, terms })
    else {
      read.unreadable.push({ file: file.path, holds: statedOffsets(context, file) })
      if (planned.isNew) read.faults.push({ file: file.path, expected: 'the data file the manifest refers to', actual: GONE })
    }
  }
  return read
}

async function readFile(
  context: ReadContext,
  {
    planned,
    deletes,
    read,
    withOffsets,
    terms,
  }: {
    planned: PlannedFile
    deletes: { before: readonly TableFile[]; after: readonly TableFile[] }
    read: FilesRead
    withOffsets: boolean
    terms: readonly Term[]
  },
): Promise<void> {
  const { file, isNew } = planned
  const check = isNew ? await checkFile(context, file) : null
  read.faults.push(...(check?.faults ?? []))
  const isDamaged = check?.isDamaged ?? (await isChanged(context, file))
  if (planned.before) await addRows(context, { file, isDamaged, deletes: deletes.before, into: read.before, read })
  if (planned.after) {
    const isWhole = await addRows(context, { file, isDamaged, deletes: deletes.after, into: read.after, read })
    if (isNew && isWhole) keepLast(read.after, read.intact)
    if (isNew && isWhole && terms.length > 0) read.rules.push(await checkFileTerms(context, { file, deletes: deletes.after, terms }))
    if (isNew && isWhole && withOffsets) read.offsets.push({ file, ranges: await offsetsIn(context, file) })
  }
  // Read once: only delete files serve several.
  const { path } = await fetchFile(context, file)
  context.fetched.delete(file.path)
  await rm(path, { force: true })
}

function keepLast(from: RunRows, into: RunRows): void {
  const path = from.paths.at(-1) as string
  into.paths.push(path)
  into.files.set(path, from.files.get(path) as string)
}

interface RowsToAdd {
  readonly file: TableFile
  readonly deletes: readonly TableFile[]
  readonly isDamaged: boolean
  readonly into: RunRows
  readonly read: FilesRead
}

/** Returns whether all columns could be read; else it adds who is in the file, where that much can be read. */
async function addRows(context: ReadContext, { file, deletes, isDamaged, into, read }: RowsToAdd): Promise<boolean> {
  if (!isDamaged) {
    try {
      await addRunRows(context, into, { file, deletes })
      return true
    } catch (error) {
      if (!isEngineTrouble(error) || !(await checkFile(context, file)).isDamaged) throw error
    }
  }
  const { identity, marker } = context.topology.record
  const kafka = kafkaColumns(context.hop)
  const needed = new Set([identity, marker.field, ...(kafka === null ? [] : [kafka.partitionField, kafka.offsetField])])
  const schema = { ...context.schema, fields: context.schema.fields.filter(({ name }) => needed.has(name)) }
  // What can be read of it need not be what was written.
  read.unreadable.push({ file: file.path, holds: statedOffsets(context, file) })
  try {
    // A changed identity may read as that of another row.
    if (await isChanged(context, file, needed)) return false
    await addRunRows(context, into, { file, deletes, schema })
  } catch (error) {
    if (!isEngineTrouble(error)) throw error
  }
  return false
}

/** What the manifest says of the source offsets in a file; null where it says nothing. */
export function statedOffsets({ schema, hop }: ReadContext, { lowerBounds, upperBounds }: TableFile): UnreadableFile['holds'] {
  const kafka = kafkaColumns(hop)
  const stated = (name: string, bounds: ReadonlyMap<number, Uint8Array>): Comparable | null => {
    const field = schema.fields.find((one) => one.name === name)
    const bytes = field === undefined ? undefined : bounds.get(field.id)
    return bytes === undefined || typeof field?.type !== 'string' ? null : decodeBound(field.type, bytes)
  }
  if (kafka === null) return null
  const [partitionFirst, partitionLast, offsetFirst, offsetLast] = [
    stated(kafka.partitionField, lowerBounds),
    stated(kafka.partitionField, upperBounds),
    stated(kafka.offsetField, lowerBounds),
    stated(kafka.offsetField, upperBounds),
  ]
  if (partitionFirst === null || partitionLast === null || offsetFirst === null || offsetLast === null) return null
  return {
    partitionFirst: Number(partitionFirst),
    partitionLast: Number(partitionLast),
    offsetFirst: Number(offsetFirst),
    offsetLast: Number(offsetLast),
  }
}

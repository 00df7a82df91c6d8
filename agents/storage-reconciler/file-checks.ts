import { readFile, rename, stat } from 'node:fs/promises'
import { AssayError } from '../../shared/core/errors.ts'
import { findChangedPage } from '../../shared/engines/page-checksums.ts'
import { findDamage, measureColumns, type FileColumns } from '../../shared/engines/parquet-columns.ts'
import { checkFormat } from '../../shared/engines/table-rows.ts'
import { falseBounds } from '../../shared/iceberg/column-bounds.ts'
import type { TableFile } from '../../shared/iceberg/changes.ts'
import { deletedPositions } from '../../shared/iceberg/deletion-vectors.ts'
import type { MetadataFault } from './events.ts'
import { download, fetchFile, isEngineTrouble, type ReadContext } from './table-files.ts'

export interface FileCheck {
  readonly faults: readonly MetadataFault[]
  readonly isDamaged: boolean
}

/**
 * Compares a data file with what its manifest says of it: size, records, nulls and bounds of columns; and its pages with
 * their checksums, where it has any. One that is damaged is fetched a second time before it is called so. Throws
 * OBJECT_MISSING, FORMAT_UNSUPPORTED, and what is the engine's own trouble.
 */
export async function checkFile(context: ReadContext, file: TableFile): Promise<FileCheck> {
  const { path } = await fetchFile(context, file)
  checkFormat(file)
  const faults: MetadataFault[] = []
  const tell = (expected: string, actual: string) => faults.push({ file: file.path, expected, actual })
  const { size } = await stat(path)
  if (size !== file.fileSizeBytes) tell(`${file.fileSizeBytes} bytes, as the manifest says`, `${size} bytes`)
  const first = await examine(context, path)
  const columns = 'damage' in first ? await examineAgain(context, { file, path }) : first
  if ('damage' in columns) {
    tell('a Parquet file that can be read', columns.damage)
    return { faults, isDamaged: true }
  }
  if (columns.rowCount !== file.recordCount) tell(`${file.recordCount} records, as the manifest says`, `${columns.rowCount} records`)
  for (const { expected, actual } of falseBounds(file, columns.columns)) tell(expected, actual)
  return { faults, isDamaged: false }
}

type Examined = FileColumns | { readonly damage: string }

/** A transfer may go wrong: what the store holds is what a second one brings, too. */
async function examineAgain(context: ReadContext, { file, path }: { file: TableFile; path: string }): Promise<Examined> {
  const again = await download(context, file)
  await rename(again.path, path)
  return examine(context, path)
}

async function examine({ db, fields, schema }: ReadContext, path: string): Promise<Examined> {
  try {
    const columns = await measureColumns(db, path, { fields, nameMapping: schema.nameMapping })
    const changed = await findChangedPage(db, path)
    return changed === null ? columns : { damage: changed }
  } catch (error) {
    if (!isEngineTrouble(error)) throw error
    const damage = await findDamage(db, path)
    // The file can be read after all: the trouble is the engine's own.
    if (damage === null) throw error
    return { damage }
  }
}

/**
 * Whether a data file that was read before is not what its writer wrote; in these columns, where some are named. Throws what
 * `checkFile` throws.
 */
export async function isChanged(context: ReadContext, file: TableFile, only: ReadonlySet<string> | null = null): Promise<boolean> {
  try {
    return (await findChangedPage(context.db, (await fetchFile(context, file)).path, only)) !== null
  } catch (error) {
    if (!isEngineTrouble(error)) throw error
    return (await checkFile(context, file)).isDamaged
  }
}

/**
 * What is wrong with a delete file that cannot be read; null where it can. As with data files, what is damaged is fetched a
 * second time. Throws what the store throws, and what is the engine's own trouble.
 */
export async function deleteDamage(context: ReadContext, file: TableFile): Promise<string | null> {
  const { path } = await fetchFile(context, file)
  if ((await damageOf(context, { file, path })) === null) return null
  const again = await download(context, file)
  await rename(again.path, path)
  return damageOf(context, { file, path })
}

async function damageOf({ db }: ReadContext, { file, path }: { file: TableFile; path: string }): Promise<string | null> {
  if (file.format !== 'puffin') return findDamage(db, path)
  try {
    deletedPositions(await readFile(path), file)
    return null
  } catch (error) {
    if (error instanceof AssayError && error.code === 'METADATA_BROKEN') return error.message
    throw error
  }
}

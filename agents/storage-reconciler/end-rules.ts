import { beginningAt, type Baseline } from '../../shared/iceberg/snapshot-reader.ts'
import type { TableCatalog } from '../../shared/iceberg/rest-catalog.ts'
import type { EndRulesResult } from './events.ts'
import { readEndRules } from './live-reading.ts'
import type { TableReading } from './snapshot-reading.ts'

export interface EndRulesAt {
  readonly catalog: TableCatalog
  /** Pinned: the last snapshot that was told. Null where the table never had one. */
  readonly snapshotId: string | null
  readonly began: Baseline
  withFolder<T>(work: (folder: string) => Promise<T>): Promise<T>
}

/** Rules over all rows of the run at one snapshot, by a fresh load of the table. Trouble is an answer. */
export async function endRules(reading: TableReading, { catalog, snapshotId, began, withFolder }: EndRulesAt): Promise<EndRulesResult> {
  try {
    const { metadata } = await catalog.loadTable(reading.hop)
    const snapshot = metadata.snapshots.find((one) => String(one.snapshotId) === snapshotId)
    if (snapshot === undefined) return { ok: false, reason: `snapshot ${snapshotId ?? 'none'} is not in the table any more` }
    const since = beginningAt(metadata, began)
    return { ok: true, snapshotId, rules: await withFolder((folder) => readEndRules(reading, { snapshot, metadata, since, folder })) }
  } catch (error) {
    return { ok: false, reason: error instanceof Error ? error.message : String(error) }
  }
}

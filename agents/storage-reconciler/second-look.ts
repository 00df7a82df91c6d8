import pMap from 'p-map'
import type { Located } from '../../schemas/parts.ts'
import { CanarySet } from '../../shared/core/canary-set.ts'
import { currentSnapshot } from '../../shared/iceberg/metadata.ts'
import type { TableCatalog } from '../../shared/iceberg/rest-catalog.ts'
import { beginningAt } from '../../shared/iceberg/snapshot-reader.ts'
import { searchesAtOnce, type CanarySearch } from '../../shared/runtime/canary-search.ts'
import type { ReconcilerEffect, ReconcilerEvent } from './events.ts'
import { readPresence, type TableReading } from './snapshot-reading.ts'

interface Looking {
  readonly catalog: TableCatalog
  readonly search: CanarySearch
  readonly reading: TableReading
  withFolder<T>(name: string, work: (folder: string) => Promise<T>): Promise<T>
}

type LookAgain = Extract<ReconcilerEffect, { type: 'look-again' }>
type LookedAgain = Extract<ReconcilerEvent, { type: 'looked-again' }>['result']

/** From the catalog anew, and from files fetched anew: what the first reading made of them does not count. */
export async function lookedAgain(
  { runId, suspects, afterSnapshotId, origin }: LookAgain,
  { catalog, search, reading, withFolder }: Looking,
): Promise<LookedAgain> {
  try {
    const { metadata } = await catalog.loadTable(reading.hop)
    const snapshot = currentSnapshot(metadata, reading.hop.branch)
    const since = beginningAt(metadata, afterSnapshotId === null ? null : BigInt(afterSnapshotId))
    const seen =
      snapshot === null
        ? { present: new CanarySet(), unreadable: [] }
        : await withFolder(`again-${snapshot.snapshotId}`, (folder) => readPresence(reading, { snapshot, metadata, since, folder }))
    const present: Located[] = suspects
      .filter(({ stream, seq }) => seen.present.has(stream, seq))
      .map(({ stream, seq }) => ({ stream, seq, partition: -1, offset: -1 }))
    const wanted = new Set(suspects.map(({ stream, seq }) => `${stream}/${seq}`))
    const topic = origin?.hop.replace(/^topic:/, '') ?? ''
    const places = await pMap(origin?.covered ?? [], (covered) => search.find(runId, wanted, { topic, ...covered }), searchesAtOnce)
    return { ok: true, snapshotId: snapshot?.snapshotId.toString() ?? null, present, origin: places.flat(), unreadable: seen.unreadable }
  } catch (error) {
    return { ok: false, reason: error instanceof Error ? error.message : String(error) }
  }
}

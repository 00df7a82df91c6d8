import type { Located } from '../../schemas/parts.ts'
import { CanarySet } from '../../shared/core/canary-set.ts'
import { currentSnapshot } from '../../shared/iceberg/metadata.ts'
import type { TableCatalog } from '../../shared/iceberg/rest-catalog.ts'
import { beginningAt } from '../../shared/iceberg/snapshot-reader.ts'
import type { CanarySearch } from '../../shared/runtime/canary-search.ts'
import type { ReconcilerEffect, ReconcilerEvent } from './events.ts'
import { readPresence } from './live-reading.ts'
import type { TableReading } from './snapshot-reading.ts'

interface Looking {
  readonly catalog: TableCatalog
  readonly search: CanarySearch
  readonly reading: TableReading
  withFolder<T>(name: string, work: (folder: string) => Promise<T>): Promise<T>
}

type LookAgain = Extract<ReconcilerEffect, { type: 'look-again' }>
type LookedAgain = Extract<ReconcilerEvent, { type: 'looked-again' }>['result']

/** From the catalog anew, and from files fetched anew: what the first reading made of them does not count. */
export async function lookedAgain(look: LookAgain, looking: Looking): Promise<LookedAgain> {
  try {
    const [{ snapshotId, seen }, origin] = await Promise.all([lookAtTable(look, looking), lookAtOrigin(look, looking)])
    const present = look.suspects
      .filter(({ stream, seq }) => seen.present.has(stream, seq))
      .map(({ stream, seq }) => ({ stream, seq, partition: -1, offset: -1 }))
    return { ok: true, snapshotId, present, origin, unreadable: seen.unreadable }
  } catch (error) {
    return { ok: false, reason: error instanceof Error ? error.message : String(error) }
  }
}

async function lookAtTable({ began }: LookAgain, { catalog, reading, withFolder }: Looking) {
  const { metadata } = await catalog.loadTable(reading.hop)
  const snapshot = currentSnapshot(metadata, reading.hop.branch)
  if (snapshot === null) return { snapshotId: null, seen: { present: new CanarySet(), unreadable: [] } }
  const since = beginningAt(metadata, began)
  const seen = await withFolder(`again-${snapshot.snapshotId}`, (folder) => readPresence(reading, { snapshot, metadata, since, folder }))
  return { snapshotId: snapshot.snapshotId.toString(), seen }
}

/** Where the suspects stand at the hop before. */
async function lookAtOrigin({ runId, suspects, origin }: LookAgain, { search }: Looking): Promise<Located[]> {
  if (origin === null) return []
  const wanted = new Set(suspects.map(({ stream, seq }) => `${stream}/${seq}`))
  const topic = origin.hop.replace(/^topic:/, '')
  return search.find(runId, wanted, { topic, intervals: origin.covered })
}

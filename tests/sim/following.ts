import type { ReconcilerEffect, ReconcilerEvent, SnapshotReading, UnreadableFile } from '../../agents/storage-reconciler/events.ts'
import type { Located } from '../../schemas/parts.ts'
import { CanarySet } from '../../shared/core/canary-set.ts'
import { addedOffsets, type OtherDefect } from '../../shared/sim/all-traffic.ts'
import type { SimPipeline } from '../../shared/sim/pipeline.ts'
import type { SimSnapshot } from '../../shared/sim/table.ts'
import type { ShellContext } from './host.ts'
import { rulesOf } from './rules.ts'

/** A branch, read on from poll to poll as the real reading does it: first what it was set back from or forward to, then what is new. */
export function followForEver(
  { pipelineOf, prng, later, stopped, otherDefect }: ShellContext,
  effect: Extract<ReconcilerEffect, { type: 'follow' }>,
  send: (event: ReconcilerEvent) => void,
): void {
  const { runId, hop } = effect
  const pipeline = pipelineOf(runId)
  const [began = null, ...told] = effect.followed
  let followed: readonly (string | null)[] = told
  const read = new Set(told)
  const stops = stopped.get(runId)
  const isStopped = () => stopped.get(runId) !== stops
  const poll = () => {
    if (isStopped()) return
    const chain = pipeline.snapshots.map(({ snapshotId }) => snapshotId)
    const next = chain.slice(began === null ? 0 : chain.indexOf(began) + 1)
    const parted = followed.findIndex((snapshotId, at) => snapshotId !== next[at])
    const kept = parted < 0 ? followed : followed.slice(0, parted)
    const undone = followed
      .slice(kept.length)
      .reverse()
      .map((snapshotId) => snapshotId ?? '')
    const unread = next.findIndex((snapshotId, at) => at >= kept.length && !read.has(snapshotId))
    const restored = next.slice(kept.length, unread < 0 ? next.length : unread)
    followed = [...kept, ...restored]
    if (undone.length > 0 || restored.length > 0) {
      const reason = `the table was set back to snapshot ${kept.at(-1) ?? began ?? 'none'}`
      send({ type: 'lineage-moved', runId, hop, move: { undone, restored, reason, tableUuid: null } })
    }
    for (const snapshot of pipeline.snapshots.slice(chain.length - next.length + followed.length)) {
      if (isStopped()) return
      followed = [...followed, snapshot.snapshotId]
      read.add(snapshot.snapshotId)
      send({ type: 'snapshot-read', runId, hop, reading: readingOf(snapshot, { pipeline, otherDefect }) })
    }
    later(100 + prng.below(400), poll)
  }
  later(prng.below(300), poll)
}

/** What a manifest says of the file; of every other one nothing. */
export function spoiltFile({ snapshotId, rows }: SimSnapshot): UnreadableFile {
  const file = `${snapshotId}.parquet`
  if (Number(snapshotId) % 2 === 0) return { file, holds: null }
  const [partitions, offsets] = [rows.map(({ partition }) => partition), rows.map(({ offset }) => offset)]
  return {
    file,
    holds: {
      partitionFirst: Math.min(...partitions),
      partitionLast: Math.max(...partitions),
      offsetFirst: Math.min(...offsets),
      offsetLast: Math.max(...offsets),
    },
  }
}

function readingOf(
  snapshot: SimSnapshot,
  { pipeline, otherDefect }: { pipeline: SimPipeline; otherDefect: OtherDefect | 'none' },
): SnapshotReading {
  const { snapshotId, parentId, committedAtMs, operation, isSpoilt } = snapshot
  const rows = isSpoilt ? [] : snapshot.rows
  const canaries = new CanarySet()
  const repeats: Located[] = []
  for (const { stream, seq, partition, offset } of rows) if (!canaries.add(stream, seq)) repeats.push({ stream, seq, partition, offset })
  const removed = snapshot.removed.map(({ stream, seq }) => ({ stream, ranges: [seq, seq] }))
  // A delete names identities, and files are not read for it.
  const isByIdentity = operation === 'delete'
  const { file } = spoiltFile(snapshot)
  return {
    ...{ snapshotId, parentId, committedAtMs, operation, repeats },
    filesAdded: 1,
    rowsAdded: snapshot.rows.length,
    bytesAdded: 0,
    isWhole: false,
    canaries: canaries.toWire(),
    removed: isByIdentity ? [] : removed,
    emptied: isByIdentity ? removed : [],
    places: [],
    removedPlaces: [],
    faults: rows
      .filter((row) => row.fault === 'corrupted' || row.fault === 'precision-lost')
      .map((row) => ({
        violation: row.fault as 'corrupted' | 'precision-lost',
        place: { stream: row.stream, seq: row.seq, partition: row.partition, offset: row.offset },
        field: 'price',
        expected: '1',
        actual: '2',
      })),
    sourceOffsets: isSpoilt ? [] : addedOffsets(pipeline, snapshot, otherDefect),
    metadataFaults: isSpoilt ? [{ file, expected: 'a Parquet file that can be read', actual: 'no readable footer' }] : [],
    rules: rulesOf({ rows }),
  }
}

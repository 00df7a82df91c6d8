import { CanarySet } from '../../shared/core/canary-set.ts'
import { currentSnapshot, followLineage, tipOf, visibleAtMs, type Snapshot, type TableMetadata } from '../../shared/iceberg/metadata.ts'
import type { TableCatalog } from '../../shared/iceberg/rest-catalog.ts'
import {
  beginningAt,
  brokenMetadata,
  isBrokenMetadata,
  ManifestReader,
  readLiveFiles,
  type Beginning,
} from '../../shared/iceberg/snapshot-reader.ts'
import type { StreamRanges } from '../../schemas/parts.ts'
import type { LineageMove, MetadataFault, SnapshotReading } from './events.ts'
import type { OffsetsByFile } from './repeated-offsets.ts'
import { readSnapshot, type SnapshotInput, type TableReading } from './snapshot-reading.ts'

export interface FollowPorts {
  readonly catalog: TableCatalog
  readonly reading: TableReading
  withFolder<T>(name: string, work: (folder: string) => Promise<T>): Promise<T>
  isStopped(): boolean
  snapshotRead(reading: SnapshotReading): void
  lineageMoved(move: LineageMove): void
  metadataBroken(snapshotId: string, fault: MetadataFault): void
  /** What could not be followed or compared, and will not be. */
  gap(reason: string): void
}

export interface FollowFrom {
  readonly followed: readonly (string | null)[]
  readonly seen: readonly StreamRanges[]
  readonly sequenceNumber: number | null
  readonly tableUuid: string | null
}

/** A table's branch, read on from poll to poll: what is new on it, what it was set back from, what expired unread. */
export class TableFollowing {
  readonly #ports: FollowPorts
  #followed: readonly (bigint | null)[]
  #since: Beginning | null = null
  readonly #sequenceNumber: number | null
  #tableUuid: string | null
  readonly #read: Set<bigint>
  readonly #seen: CanarySet
  readonly #unusable = new Map<string, string>()
  readonly #offsets: OffsetsByFile = new Map()
  /** Snapshots whose metadata cannot be read. */
  readonly #broken = new Set<bigint>()

  constructor(ports: FollowPorts, { followed, seen, sequenceNumber, tableUuid }: FollowFrom) {
    this.#ports = ports
    this.#followed = followed.map((id) => (id === null ? null : BigInt(id)))
    this.#sequenceNumber = sequenceNumber
    this.#tableUuid = tableUuid
    this.#seen = CanarySet.of(seen)
    this.#read = new Set(this.#followed.slice(1) as bigint[])
  }

  get tableUuid(): string | null {
    return this.#tableUuid
  }

  /** Throws what the catalog, the store and the engine throw: the next poll goes on where this one stopped. */
  async poll(): Promise<void> {
    const { catalog, reading } = this.#ports
    if (await this.#isUnchanged()) return
    const { metadata } = await catalog.loadTable(reading.hop)
    this.#noticeRecreated(metadata)
    const [began = null] = this.#followed
    this.#since ??= beginningAt(metadata, {
      snapshotId: began?.toString() ?? null,
      sequenceNumber: this.#sequenceNumber,
      tableUuid: metadata.tableUuid,
    })
    const { kept, undone, next, gap, tip } = followLineage(metadata, { branch: reading.hop.branch, followed: this.#followed })
    const unread = next.findIndex(({ snapshotId }) => !this.#read.has(snapshotId))
    const restored = gap ? [] : next.slice(0, unread < 0 ? next.length : unread).map(({ snapshotId }) => snapshotId)
    this.#followed = [...kept, ...restored]
    if (undone.length > 0 || restored.length > 0) {
      const reason = `the table was set back to snapshot ${String(kept.at(-1) ?? 'none')}`
      this.#ports.lineageMoved({ undone: undone.map(String), restored: restored.map(String), reason, tableUuid: null })
    }
    const isBroken = next.some(({ snapshotId }) => this.#broken.has(snapshotId) && snapshotId !== tip)
    if (gap || isBroken) await this.#readWhole(metadata)
    else await this.#readOn(metadata, next.slice(restored.length))
  }

  /** Most polls find nothing new: the list of all snapshots, which may be long, is not asked for then. */
  async #isUnchanged(): Promise<boolean> {
    const { catalog, reading } = this.#ports
    const { metadata } = await catalog.loadTable(reading.hop, { snapshots: 'refs' })
    return tipOf(metadata, reading.hop.branch) === this.#followed.at(-1) && metadata.tableUuid === this.#tableUuid
  }

  #noticeRecreated({ tableUuid }: TableMetadata): void {
    const was = this.#tableUuid
    this.#tableUuid = tableUuid
    if (was === null || tableUuid === was) return
    const undone = this.#followed.slice(1).map(String)
    this.#followed = [null]
    this.#since = null
    const reason = `the table was dropped and made again: uuid ${was} became ${tableUuid ?? 'none'}`
    this.#ports.lineageMoved({ undone, restored: [], reason, tableUuid: { was, is: tableUuid ?? 'none' } })
  }

  async #readOn(metadata: TableMetadata, snapshots: readonly Snapshot[]): Promise<void> {
    const atMs = visibleAtMs(metadata, snapshots)
    for (const [i, snapshot] of snapshots.entries()) {
      if (this.#ports.isStopped()) return
      const said = await this.#read1({ metadata, snapshot, visibleAtMs: atMs[i] as number, isWhole: false })
      if (said === 'told') continue
      // It is no part of the table any more, or not in this form: what is there now says more.
      if (said === 'expired') await this.#readWhole((await this.#ports.catalog.loadTable(this.#ports.reading.hop)).metadata)
      return
    }
  }

  /** Nobody can say what each of the snapshots in between did; what is live tells what they came to. */
  async #readWhole(metadata: TableMetadata): Promise<void> {
    const snapshot = currentSnapshot(metadata, this.#ports.reading.hop.branch)
    if (snapshot === null || this.#ports.isStopped()) return
    const [atMs] = visibleAtMs(metadata, [snapshot]) as [number]
    await this.#read1({ metadata, snapshot, visibleAtMs: atMs, isWhole: true })
  }

  async #read1(what: Pick<SnapshotInput, 'metadata' | 'snapshot' | 'visibleAtMs' | 'isWhole'>): Promise<'told' | 'expired' | 'broken'> {
    const { reading, withFolder } = this.#ports
    const { snapshotId } = what.snapshot
    const parentId = this.#followed.at(-1)?.toString() ?? null
    const input = { ...what, parentId, since: this.#since, seen: this.#seen, unusable: this.#unusable, offsets: this.#offsets }
    try {
      for (;;) {
        const read = await withFolder(String(snapshotId), (folder) => readSnapshot(reading, { ...input, folder }))
        if ('reading' in read) {
          for (const reason of [...(read.gap === null ? [] : [read.gap]), ...read.unread]) this.#ports.gap(reason)
          this.#followed = [...this.#followed, snapshotId]
          this.#read.add(snapshotId)
          this.#seen.addAll(read.reading.canaries)
          this.#ports.snapshotRead(read.reading)
          return 'told'
        }
        if ('hidden' in read) return 'expired'
        const { file, place, actual } = read.unusable
        if (this.#unusable.has(place) || !(await this.#isLive(file))) return 'expired'
        this.#unusable.set(place, actual)
      }
    } catch (error) {
      if (!isBrokenMetadata(error)) throw error
      return this.#noticeBroken(what.snapshot, error)
    }
  }

  /** Whether the table refers to the file as of now. */
  async #isLive(path: string): Promise<boolean> {
    const { catalog, reading } = this.#ports
    const { metadata } = await catalog.loadTable(reading.hop)
    const snapshot = currentSnapshot(metadata, reading.hop.branch)
    if (snapshot === null) return false
    const live = await readLiveFiles(reading.manifests, snapshot, this.#since)
    return [...live.data, ...live.deletes].some((file) => file.path === path)
  }

  /** Manifests of a snapshot that expired meanwhile may be gone; of one that the catalog names they must be there, and whole. */
  async #noticeBroken({ snapshotId }: Snapshot, error: Error): Promise<'expired' | 'broken'> {
    const { catalog, reading } = this.#ports
    const { metadata } = await catalog.loadTable(reading.hop)
    const named = metadata.snapshots.find((one) => one.snapshotId === snapshotId)
    if (named === undefined) return 'expired'
    if (!this.#broken.has(snapshotId)) {
      // From the store anew: what this process has read before does not count.
      const found = await brokenMetadata(new ManifestReader(reading.store), named, this.#since)
      if (found === null) throw error
      this.#broken.add(snapshotId)
      const { file, reason } = found
      this.#ports.metadataBroken(String(snapshotId), { file, expected: 'metadata that can be read', actual: reason })
    }
    return 'broken'
  }
}

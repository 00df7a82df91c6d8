import type { SimRecord } from './partition.ts'

export interface SimRow extends SimRecord {
  readonly partition: number
  readonly offset: number
}

export interface SimSnapshot {
  readonly snapshotId: string
  readonly parentId: string | null
  readonly committedAtMs: number
  readonly operation: 'append' | 'overwrite' | 'replace' | 'delete'
  readonly rows: readonly SimRow[]
  readonly removed: readonly SimRow[]
  /** How far the sink had read, by partition. */
  readonly sunk: readonly number[]
  /** Nobody can read the file its rows are in. */
  readonly isSpoilt: boolean
}

export type SimCommit = Pick<SimSnapshot, 'committedAtMs' | 'operation' | 'rows' | 'removed' | 'sunk'>

type Place = Pick<SimRecord, 'stream' | 'seq'>
export const isOf = (row: Place) => (other: Place) => row.stream === other.stream && row.seq === other.seq

/** One branch of a table. */
export class SimTable {
  /** Those it stands on, oldest first. */
  readonly snapshots: SimSnapshot[] = []
  /** All that the catalog names, whatever it was set back from. */
  readonly committed: SimSnapshot[] = []
  /** The file of the next commit that brings a row cannot be read. */
  spoilsNext = false
  /** Whether nobody gets to look at it a second time. */
  isAway = false
  /** What it was set back from, oldest first, as long as nothing was committed since. */
  #undone: readonly SimSnapshot[] = []

  commit(commit: SimCommit): void {
    const isSpoilt = this.spoilsNext && commit.rows.length > 0
    if (isSpoilt) this.spoilsNext = false
    this.#undone = []
    const snapshotId = String(this.committed.length + 1)
    const snapshot = { snapshotId, parentId: this.snapshots.at(-1)?.snapshotId ?? null, isSpoilt, ...commit }
    this.snapshots.push(snapshot)
    this.committed.push(snapshot)
  }

  /** Sets the branch back by so many snapshots, behind the first that brought a row at most. Gives what it lost. */
  rollBack(count: number): readonly SimSnapshot[] {
    const first = this.snapshots.findIndex(({ rows }) => rows.length > 0)
    const kept = Math.max(this.snapshots.length - count, first < 0 ? this.snapshots.length : first + 1)
    this.#undone = this.snapshots.splice(kept)
    return this.#undone
  }

  rollForward(): void {
    this.snapshots.push(...this.#undone)
    this.#undone = []
  }
}

/** The rows that these snapshots, oldest first, come to. */
export function rowsOf(snapshots: readonly SimSnapshot[]): SimRow[] {
  let rows: SimRow[] = []
  for (const snapshot of snapshots) {
    if (snapshot.removed.length > 0) rows = rows.filter((row) => !snapshot.removed.some(isOf(row)))
    rows.push(...snapshot.rows)
  }
  return rows
}

export interface SnapshotSeen {
  readonly snapshotId: string
  readonly parentId: string | null
  readonly committedAtMs: number
}

/** Where a snapshot that an answer names stands to the one that holds what was asked for. */
export type Relation = 'holds' | 'older' | 'unknown'

/** The table's history as far as it was told: snapshots and their parents. */
export class Lineage {
  readonly #snapshots = new Map<string, SnapshotSeen>()

  add(snapshot: SnapshotSeen): void {
    this.#snapshots.set(snapshot.snapshotId, snapshot)
  }

  get(snapshotId: string): SnapshotSeen | undefined {
    return this.#snapshots.get(snapshotId)
  }

  /** `older`: `named` is an ancestor of `needed`, whether or not it was told itself. */
  relate(named: string, needed: string): Relation {
    if (this.#descends(named, needed)) return 'holds'
    return this.#descends(needed, named) ? 'older' : 'unknown'
  }

  /** When `named` was first superseded on the way to `needed`; null unless it is older. */
  supersededAtMs(named: string, needed: string): number | null {
    for (const snapshot of this.#chain(needed)) if (snapshot.parentId === named) return snapshot.committedAtMs
    return null
  }

  #descends(from: string, ancestor: string): boolean {
    if (from === ancestor) return true
    for (const { parentId } of this.#chain(from)) if (parentId === ancestor) return true
    return false
  }

  *#chain(from: string): Generator<SnapshotSeen> {
    // A chain that bites its tail would else never end.
    let stepsLeft = this.#snapshots.size
    for (let at = this.#snapshots.get(from); at !== undefined && stepsLeft > 0; stepsLeft--) {
      yield at
      at = at.parentId === null ? undefined : this.#snapshots.get(at.parentId)
    }
  }
}

import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { StreamRanges } from '../../schemas/parts.ts'
import { standingViolations } from '../../shared/core/evidence.ts'
import { PlayedCore } from '../../shared/core/played-core.fixture.ts'
import { isRunFact } from '../../shared/core/run-book.ts'
import { ALL, CLEAN, RUN, TABLE, accepted, foldAll, told } from '../../shared/core/told-run.fixture.ts'
import { reconcilerCore, type ReconcilerState } from './core.ts'
import type { ReconcilerEffect, ReconcilerEvent, SnapshotReading } from './events.ts'

/** How many rows of each of the forty canaries a table has; the truth beside which the core is held. */
type Rows = readonly number[]

/** What a commit may do to the rows of some canaries. */
type Act =
  | { readonly kind: 'write' | 'take' | 'upsert' | 'empty'; readonly who: readonly number[]; readonly operation: string }
  | { readonly kind: 'rollback' | 'forward'; readonly back: number }
  | { readonly kind: 'expire'; readonly who: readonly number[] }
  | { readonly kind: 'restart' }

const who = fc.uniqueArray(fc.nat(39), { minLength: 1, maxLength: 12 })
const operation = fc.constantFrom('append', 'overwrite', 'delete', 'replace')
const act: fc.Arbitrary<Act> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('write' as const), who, operation }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('take' as const, 'upsert' as const, 'empty' as const), who, operation }) },
  fc.record({ kind: fc.constantFrom('rollback' as const, 'forward' as const), back: fc.nat(4) }),
  fc.record({ kind: fc.constant('expire' as const), who }),
  fc.constant({ kind: 'restart' as const }),
)

interface Standing {
  readonly id: string
  readonly parent: Standing | null
  readonly rows: Rows
}

const wire = (canary: number): StreamRanges => ({ stream: canary < 20 ? 0 : 1, ranges: [canary % 20, canary % 20] })
const placeOf = (canary: number) => ({ stream: canary < 20 ? 0 : 1, seq: canary % 20, partition: 0, offset: canary })
const times = (rows: Rows) => rows.flatMap((count, canary) => Array.from({ length: count }, () => canary))

class History {
  readonly played = new PlayedCore<ReconcilerState, ReconcilerEvent, ReconcilerEffect>(reconcilerCore)
  at: Standing = { id: '7', parent: null, rows: Array.from({ length: 40 }, () => 0) }
  readonly doubled = new Set<number>()
  readonly seen = new Set<number>()
  #undone: Standing[] = []
  #ids = 7

  constructor() {
    const covered = [{ partition: 0, offsetFirst: 0, offsetLast: 39 }]
    this.played
      .hear(accepted())
      .caughtUp()
      .until(200)
      .step({ type: 'baselined', runId: RUN, baseline: { snapshotId: '7', sequenceNumber: null, tableUuid: 'u' } })
    this.played.hear(
      told('stage-started', { stage: 'produce', epochMs: 0 }),
      told('canaries-produced', { acknowledged: ALL }),
      // Too short a time ago to give anything up.
      told('hop-sighted', { hop: CLEAN, canaries: ALL, covered, atMs: 1e9 }),
    )
  }

  apply(act: Act): void {
    switch (act.kind) {
      case 'write':
        this.#commit(act.operation, (count, hit) => (hit ? count + 1 : count), { hit: act.who })
        return
      case 'take':
        this.#commit(act.operation, (count, hit) => (hit ? Math.max(0, count - 1) : count), { hit: act.who })
        return
      case 'empty':
        this.#commit(act.operation, (count, hit) => (hit ? 0 : count), { hit: act.who, isEmptied: true })
        return
      case 'upsert':
        this.#commit(act.operation, (count, hit) => (hit ? 1 : count), { hit: act.who, isEmptied: true })
        return
      case 'expire':
        this.#commit('append', (count, hit) => (hit ? count + 1 : count), { hit: act.who, isWhole: true })
        return
      case 'rollback':
        this.#rollBack(act.back)
        return
      case 'forward':
        this.#goForward()
        return
      case 'restart':
        this.#restart()
    }
  }

  #commit(
    said: string,
    change: (count: number, hit: boolean) => number,
    { hit, isEmptied = false, isWhole = false }: { hit: readonly number[]; isEmptied?: boolean; isWhole?: boolean },
  ): void {
    const before = this.at.rows
    const after = before.map((count, canary) => change(count, hit.includes(canary)))
    const kept = before.map((count, canary) => (isEmptied && hit.includes(canary) ? 0 : Math.min(count, after[canary] ?? 0)))
    const brought = after.map((count, canary) => count - (kept[canary] ?? 0))
    const shown = isWhole ? after : brought
    for (const canary of times(brought)) this.seen.add(canary)
    for (const [canary, more] of brought.entries()) if (more > 0 && (kept[canary] ?? 0) + more > 1) this.doubled.add(canary)
    const snapshotId = String(++this.#ids)
    const reading: SnapshotReading = {
      snapshotId,
      parentId: this.at.id,
      committedAtMs: 1_000,
      operation: said,
      filesAdded: 1,
      rowsAdded: 1,
      bytesAdded: 1,
      isWhole,
      canaries: shown.flatMap((count, canary) => (count > 0 ? [wire(canary)] : [])),
      repeats: times(shown.map((count) => Math.max(0, count - 1))).map(placeOf),
      removed: isEmptied ? [] : times(before.map((count, canary) => Math.max(0, count - (after[canary] ?? 0)))).map(wire),
      emptied: isEmptied ? hit.map(wire) : [],
      places: [],
      removedPlaces: [],
      faults: [],
      sourceOffsets: [],
      metadataFaults: [],
      rules: { checks: [], faults: [] },
    }
    this.at = { id: snapshotId, parent: this.at, rows: after }
    this.#undone = []
    this.played.step({ type: 'snapshot-read', runId: RUN, hop: TABLE, reading })
  }

  /** Only the topic is left: where the table stands now, following finds out. */
  #restart(): void {
    this.played.restart().until(this.played.nowMs + 200)
    const chain: string[] = []
    for (let at: Standing | null = this.at; at !== null; at = at.parent) chain.unshift(at.id)
    for (const { followed } of this.played.take('follow'))
      this.#move(
        followed.flatMap((id) => (id === null || chain.includes(id) ? [] : [id])).reverse(),
        chain.filter((id) => !followed.includes(id)),
      )
  }

  #rollBack(back: number): void {
    const undone: Standing[] = []
    while (undone.length < back && this.at.parent !== null) {
      undone.push(this.at)
      this.at = this.at.parent
    }
    this.#undone = [...this.#undone, ...undone]
    this.#move(
      undone.map(({ id }) => id),
      [],
    )
  }

  #goForward(): void {
    const next = this.#undone.pop()
    if (next === undefined) return
    this.at = next
    this.#move([], [next.id])
  }

  #move(undone: string[], restored: string[]): void {
    if (undone.length === 0 && restored.length === 0) return
    this.played.step({ type: 'lineage-moved', runId: RUN, hop: TABLE, move: { undone, restored, reason: 'set back', tableUuid: null } })
  }

  /** Serves second looks until nothing more is asked. */
  settle(): void {
    for (let n = 0; n < 30; n++) {
      this.played.until(this.played.nowMs + 200)
      for (const { suspects, askedAtMs } of this.played.take('look-again')) {
        const present = suspects
          .filter(({ stream, seq }) => (this.at.rows[stream * 20 + seq] ?? 0) > 0)
          .map((one) => ({ ...one, partition: 0, offset: 0 }))
        this.played.step({
          type: 'looked-again',
          runId: RUN,
          hop: TABLE,
          askedAtMs,
          result: { ok: true, snapshotId: this.at.id, present, origin: [], unreadable: [] },
        })
      }
    }
  }

  found(kind: string): Set<number> {
    const { evidence } = foldAll(this.played.topic.filter(isRunFact))
    return new Set(
      standingViolations(evidence).flatMap(({ violation, stream, standing }) =>
        violation === kind
          ? Array.from({ length: 20 }, (_, seq) => seq)
              .filter((seq) => standing.has(seq))
              .map((seq) => stream * 20 + seq)
          : [],
      ),
    )
  }
}

const sorted = (canaries: Iterable<number>) => [...canaries].sort((a, b) => a - b)

test('whatever a history does: lost is what has no row at its end, doubled what ever got a row too many, and nothing else', () => {
  fc.assert(
    fc.property(fc.array(act, { minLength: 1, maxLength: 14 }), (acts) => {
      const history = new History()
      for (const one of acts) {
        history.apply(one)
        // A restart forgets what was only in memory: it comes when what was read is told.
        if (one.kind === 'rollback' || one.kind === 'forward') history.settle()
      }
      history.settle()
      const lost = [...history.seen].filter((canary) => history.at.rows[canary] === 0)
      expect({ lost: sorted(history.found('lost')), doubled: sorted(history.found('duplicated')) }).toEqual({
        lost: sorted(lost),
        doubled: sorted(history.doubled),
      })
    }),
    { numRuns: 300 },
  )
})

test('a history that takes nothing it does not write anew, and writes nothing twice, is accused of nothing', () => {
  fc.assert(
    fc.property(fc.array(fc.uniqueArray(fc.nat(39), { minLength: 1, maxLength: 9 }), { minLength: 1, maxLength: 9 }), (writes) => {
      const history = new History()
      for (const [n, fresh] of writes.entries()) {
        const known = fresh.filter((canary) => history.seen.has(canary))
        history.apply({ kind: 'write', who: fresh.filter((canary) => !history.seen.has(canary)), operation: 'append' })
        if (n % 3 === 0) history.apply({ kind: 'upsert', who: known, operation: 'overwrite' })
        if (n % 4 === 1) history.apply({ kind: 'restart' })
        if (n % 4 === 2) history.apply({ kind: 'expire', who: [] })
      }
      history.settle()
      expect(history.played.saidOf('violation-found')).toEqual([])
    }),
    { numRuns: 60 },
  )
})

import { CanarySet } from '../../shared/core/canary-set.ts'
import { takeBackLost } from '../../shared/core/corrections.ts'
import type { Evidence } from '../../shared/core/evidence.ts'
import { evidenceOf, headOf, say, type RunWorks } from '../../shared/core/run-work.ts'
import { violationFact } from '../../shared/core/violations.ts'
import type { LineageMove, ReconcilerEffect } from './events.ts'
import { RowCounts } from './row-counts.ts'
import type { TableContext } from './table-work.ts'

const snapshotsOf = (evidence: Evidence, hop: string) => evidence.snapshots.filter((fact) => fact.hop === hop)

/** The told snapshots on which the last one told stands, oldest first: what the table was rolled back from is not among them. */
export function toldChain(evidence: Evidence, hop: string): string[] {
  const told = new Map(snapshotsOf(evidence, hop).map((fact) => [fact.snapshotId, fact]))
  const chain: string[] = []
  for (let at = [...told.values()].at(-1); at !== undefined; at = at.parentId === null ? undefined : told.get(at.parentId)) {
    chain.push(at.snapshotId)
    told.delete(at.snapshotId)
  }
  return chain.reverse()
}

/** Rows of the run in the table, by what was told of the snapshots it stands on. */
export function rowsOfChain(evidence: Evidence, hop: string, chain: readonly string[]): RowCounts {
  const told = new Map(snapshotsOf(evidence, hop).map((fact) => [fact.snapshotId, fact]))
  const rows = new RowCounts()
  for (const snapshotId of chain) {
    const fact = told.get(snapshotId)
    if (fact === undefined) continue
    rows.take(fact.removed)
    rows.add([...fact.canaries, ...fact.repeats.map(({ stream, seq }) => ({ stream, ranges: [seq, seq] }))])
  }
  return rows
}

/** The table stands on other snapshots than before. What it lost by that is looked for as anything that is gone. */
export function moveLineage(works: RunWorks, { run, table }: TableContext, move: LineageMove): ReconcilerEffect[] {
  const evidence = evidenceOf(works, run.runId)
  const undone = new Set(move.undone)
  const told = new Set(snapshotsOf(evidence, table.name).map(({ snapshotId }) => snapshotId))
  const before = table.rows.present
  table.chain = [...table.chain.filter((snapshotId) => !undone.has(snapshotId)), ...move.restored.filter((id) => told.has(id))]
  table.rows = rowsOfChain(evidence, table.name, table.chain)
  for (const snapshotId of move.undone) table.undone.set(snapshotId, move.reason)
  const effects: ReconcilerEffect[] = []
  if (move.tableUuid !== null) {
    const finding = {
      violation: 'metadata-broken' as const,
      hop: table.name,
      stream: 0,
      ranges: [0, 0],
      field: 'table-uuid',
      expected: move.tableUuid.was,
      actual: `${move.tableUuid.is}: the table was dropped and made again`,
    }
    effects.push(say(works, violationFact(headOf(works, run.runId), finding)))
  }
  const arrived = { canaries: table.rows.present.minus(before), late: new CanarySet() }
  return [...effects, ...takeBackLost(works, { runId: run.runId, hop: table.name }, arrived)]
}

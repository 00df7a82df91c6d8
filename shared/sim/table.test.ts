import { expect, test } from 'vitest'
import { createPrng } from '../core/prng.ts'
import { SimPartition } from './partition.ts'
import { rowsOf, SimTable, type SimRow } from './table.ts'
import { SimTransactions } from './transaction.ts'

const row = (seq: number): SimRow => ({ stream: 0, seq, fault: null, partition: 0, offset: seq })
const commit = (table: SimTable, rows: readonly SimRow[], removed: readonly SimRow[] = []) => {
  table.commit({ committedAtMs: 0, operation: removed.length > 0 ? 'delete' : 'append', rows, removed, sunk: [] })
}
const seqsIn = ({ snapshots }: SimTable) => rowsOf(snapshots).map(({ seq }) => seq)

test('a table that is set back loses what came since, and has it again once it is set forward', () => {
  const table = new SimTable()
  commit(table, [])
  for (const seq of [0, 1, 2]) commit(table, [row(seq)])
  expect(table.rollBack(2).map(({ snapshotId }) => snapshotId)).toEqual(['3', '4'])
  expect(seqsIn(table)).toEqual([0])
  table.rollForward()
  expect(seqsIn(table)).toEqual([0, 1, 2])
  // Never behind the first that brought a row.
  table.rollBack(9)
  commit(table, [row(7)])
  table.rollForward()
  expect([seqsIn(table), table.snapshots.map(({ parentId }) => parentId), table.committed.length]).toEqual([[0, 7], [null, '1', '2'], 5])
})

test('a row that was deleted may come again, and the next file with rows is spoilt once', () => {
  const table = new SimTable()
  commit(table, [row(0), row(1)])
  table.spoilsNext = true
  commit(table, [], [row(1)])
  expect(seqsIn(table)).toEqual([0])
  commit(table, [row(1)])
  commit(table, [row(2)])
  expect([seqsIn(table), table.snapshots.map(({ isSpoilt }) => isSpoilt)]).toEqual([
    [0, 1, 2],
    [false, false, true, false],
  ])
})

test('of a transaction nothing is seen before it ends, and of an aborted one nothing ever; never are two in a row aborted', () => {
  const transactions = new SimTransactions(createPrng(3))
  const [log, read] = [new SimPartition(), new Map([[0, 0]])]
  const seen: number[] = []
  for (let seq = 0; seq < 40; seq++) {
    const before = log.legible(0).length
    const end = transactions.begin({ logs: [log], read }, () => {
      log.append(row(seq), 0)
      read.set(0, seq + 1)
    })
    expect([log.legible(0).length, log.stableEnd < log.end, (read.get(0) ?? 0) <= seq]).toEqual([before, true, true])
    end()
    expect(log.stableEnd).toBe(log.end)
    seen.push(log.legible(0).length - before)
    expect(read.get(0) === seq + 1).toBe(seen.at(-1) === 1)
  }
  expect([transactions.aborted, seen.join('').includes('00')]).toEqual([seen.filter((count) => count === 0).length, false])
  expect(transactions.aborted).toBeGreaterThan(3)
})

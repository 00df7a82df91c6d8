import { expect, test } from 'vitest'
import { FollowedTable, others, seqs } from './followed-table.fixture.ts'

/** As the keeper of the reference pipeline retires rows: whole files of before the run, in manifests written anew. */
test('a retention that takes away rows of before the run is silent, and reads none of them', async () => {
  const followed = await FollowedTable.open()
  try {
    const { table } = followed
    const old = await followed.data(others(1_000, 20))
    const young = await followed.data(others(2_000, 20))
    table.commit({ operation: 'append', added: [old, young] })
    followed.begin()
    await followed.poll()
    table.commit({ operation: 'append', added: [await followed.data(seqs(0, 19))] })
    await followed.poll()
    table.commit({ operation: 'delete', removed: [old] })
    table.commit({ operation: 'append', added: [await followed.data(seqs(0, 19, 1))] })
    // The files go with the snapshots that had them.
    table.expire(
      table.snapshots.slice(0, 2).map(({ snapshotId }) => snapshotId),
      [old],
    )
    table.reads.length = 0
    await followed.poll()
    expect([followed.accusations, followed.missing]).toEqual([[], []])
    expect(followed.played.saidOf('snapshot-reconciled').map(({ operation, rowsAdded }) => [operation, rowsAdded])).toEqual([
      ['append', 20],
      ['delete', 0],
      ['append', 20],
    ])
    expect(table.reads).not.toContain(old.path)
    expect(table.reads).not.toContain(young.path)
  } finally {
    await followed.close()
  }
})

test('once the snapshot at which the run began has expired, a second look and a restart still read nothing older', async () => {
  const followed = await FollowedTable.open()
  try {
    const { table } = followed
    const old = await followed.data(others(1_000, 20))
    const began = table.commit({ operation: 'append', added: [old] })
    followed.begin()
    await followed.poll()
    table.commit({ operation: 'append', added: [await followed.data(seqs(0, 19))] })
    await followed.poll()
    table.expire([began])
    table.commit({ operation: 'append', added: [await followed.data(seqs(1, 19, 1))] })
    table.reads.length = 0
    await followed.poll()
    followed.restart()
    table.commit({ operation: 'append', added: [await followed.data(others(3_000, 20))] })
    await followed.poll()
    expect([followed.accusations, followed.missing]).toEqual([['lost 1/0-0'], []])
    expect(table.reads).not.toContain(old.path)
  } finally {
    await followed.close()
  }
})

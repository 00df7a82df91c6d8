import { afterEach, describe, expect, test } from 'vitest'
import { FollowedTable, others, seqs, type Row } from './followed-table.fixture.ts'
import { boundsOf } from './kafka-bounds.fixture.ts'

let open: FollowedTable[] = []
afterEach(async () => {
  await Promise.all(open.map((one) => one.close()))
  open = []
})

async function began(branch?: string): Promise<FollowedTable> {
  const one = await FollowedTable.open(branch)
  open.push(one)
  one.begin()
  await one.poll()
  return one
}

const everyRow: readonly Row[] = [...seqs(0, 19), ...seqs(0, 19, 1)]
const without = (...gone: number[]) => everyRow.filter(({ stream, seq }) => stream !== 0 || !gone.includes(seq))
const found = (followed: FollowedTable) => [followed.accusations, followed.missing]
const silent = [[], []]
const listOf = (snapshotId: number) => `s3://lake/metadata/snap-${snapshotId}.avro`

/** Two files: stream 0 in one, stream 1 in the other. */
async function filled(branch?: string) {
  const followed = await began(branch)
  const files = [await followed.data(seqs(0, 19)), await followed.data(seqs(0, 19, 1))] as const
  const first = followed.table.commit({ operation: 'append', added: [files[0]] })
  followed.table.commit({ operation: 'append', added: [files[1]] })
  await followed.poll()
  expect(found(followed)).toEqual(silent)
  return { followed, files, first, table: followed.table }
}

test('an append of everything once is nothing to accuse of', async () => {
  const { followed } = await filled()
  expect(followed.played.saidOf('snapshot-reconciled').map(({ rowsAdded, sourceOffsets }) => [rowsAdded, sourceOffsets])).toEqual([
    [20, [{ partition: 0, offsetFirst: 0, offsetLast: 19 }]],
    [20, [{ partition: 0, offsetFirst: 20, offsetLast: 39 }]],
  ])
})

test('work grows with what a snapshot changed, not with the table', async () => {
  const { followed, table } = await filled()
  const readsOf = async (offset: number) => {
    table.commit({ operation: 'append', added: [await followed.data([{ stream: 0, seq: 0, offset }])] })
    const before = table.reads.length
    await followed.poll()
    return table.reads.slice(before).filter((uri) => uri !== table.reads.at(-1)).length
  }
  // Manifest list and manifest; the data file is the last read.
  const counts: number[] = []
  for (let n = 0; n < 12; n++) counts.push(await readsOf(100 + n))
  expect(new Set(counts)).toEqual(new Set([2]))
})

describe('an overwrite', () => {
  test('that carries all rows on is silent', async () => {
    const { followed, files, table } = await filled()
    table.commit({ operation: 'overwrite', removed: files, added: [await followed.data(everyRow)] })
    await followed.poll()
    expect(found(followed)).toEqual(silent)
    expect(followed.played.saidOf('snapshot-reconciled').at(-1)).toMatchObject({ canaries: [], removed: [], repeats: [] })
  })

  test('that leaves rows out has lost them: told with where they were, and by whom', async () => {
    const { followed, files, table, first } = await filled()
    const second = table.commit({ operation: 'overwrite', removed: files, added: [await followed.data(without(3, 7))] })
    await followed.poll()
    expect(found(followed)).toEqual([['lost 0/3-3', 'lost 0/7-7'], []])
    expect(followed.standing[0]).toMatchObject({
      snapshotId: String(second),
      file: files[0].path,
      offset: 3,
      expected: `a row: it is in the topic at partition 0 offset 3, it was in snapshot ${first}`,
      actual: `removed by overwrite in snapshot ${second}; absent from snapshot ${second}`,
    })
  })

  test('whose rows come back is corrected', async () => {
    const { followed, files, table } = await filled()
    table.commit({ operation: 'overwrite', removed: [files[0]], added: [await followed.data(without(3).slice(0, 19))] })
    await followed.poll()
    expect(followed.accusations).toEqual(['lost 0/3-3'])
    table.commit({ operation: 'append', added: [await followed.data(seqs(3, 3))] })
    await followed.poll()
    expect(found(followed)).toEqual(silent)
  })

  test('followed by the append of what it took away is silent: the second look finds the rows', async () => {
    const { followed, files, table } = await filled()
    table.commit({ operation: 'delete', removed: [files[0]] })
    table.commit({ operation: 'append', added: [await followed.data(seqs(0, 19))] })
    await followed.poll()
    expect(found(followed)).toEqual(silent)
  })

  test('that changes a row or writes it twice is named', async () => {
    const { followed, files, table } = await filled()
    const rows = [
      ...everyRow.slice(0, 39).map((row) => (row.stream === 0 && row.seq === 5 ? { ...row, symbol: 'X' } : row)),
      ...seqs(19, 19, 1),
      ...seqs(8, 8),
    ]
    table.commit({ operation: 'overwrite', removed: files, added: [await followed.data(rows)] })
    await followed.poll()
    expect(found(followed)).toEqual([['corrupted 0/5-5', 'duplicated 0/8-8'], []])
    expect(followed.standing.find(({ violation }) => violation === 'duplicated')).toMatchObject({
      actual: 'another row of the same identity, by overwrite',
    })
  })
})

describe('a delete', () => {
  test('of a whole file loses its rows', async () => {
    const { followed, files, table } = await filled()
    table.commit({ operation: 'delete', removed: [files[1]] })
    await followed.poll()
    expect(found(followed)).toEqual([Array.from({ length: 20 }, (_, seq) => `lost 1/${seq}-${seq}`).sort(), []])
  })

  test.each([true, false])('by position loses the rows at these positions (data file named in the manifest: %s)', async (named) => {
    const { followed, files, table } = await filled()
    table.commit({ operation: 'delete', added: [await followed.positionDeletes(files[0], [4, 11], named)] })
    const before = table.reads.length
    await followed.poll()
    expect(found(followed)).toEqual([['lost 0/11-11', 'lost 0/4-4'], []])
    const fresh = table.reads.indexOf(files[1].path, before)
    // The other file is read by the second look alone, after the first reading of the one the deletes name.
    expect(fresh).toBeGreaterThan(table.reads.indexOf(files[0].path, before))
    expect(table.reads.slice(before).filter((uri) => uri === files[1].path)).toHaveLength(1)
  })

  test('by position of rows of the same commit brings nothing that must stay', async () => {
    const followed = await began()
    const file = await followed.data([...everyRow, ...seqs(6, 6)])
    followed.table.commit({ operation: 'overwrite', added: [file, await followed.positionDeletes(file, [40])] })
    await followed.poll()
    expect(found(followed)).toEqual(silent)
  })

  test('by equality on the identity is followed without reading a data file', async () => {
    const { followed, files, table } = await filled()
    table.commit({ operation: 'delete', added: [await followed.equalityDeletes('trade_id', seqs(2, 3, 1))] })
    const before = table.reads.length
    await followed.poll()
    expect(found(followed)).toEqual([['lost 1/2-2', 'lost 1/3-3'], []])
    expect(table.reads.slice(before).filter((uri) => uri === files[0].path || uri === files[1].path)).toHaveLength(2)
  })

  test('by equality that an insert of the same commit makes good is an upsert', async () => {
    const { followed, table } = await filled()
    table.commit({
      operation: 'overwrite',
      added: [await followed.equalityDeletes('trade_id', seqs(2, 3)), await followed.data(seqs(2, 3))],
    })
    await followed.poll()
    expect(found(followed)).toEqual(silent)
    expect(followed.played.saidOf('snapshot-reconciled').at(-1)).toMatchObject({ removed: [{ stream: 0, ranges: [2, 3] }], repeats: [] })
  })

  test('by equality on the identity leaves rows of an older spec where they are: a redelivery doubles them', async () => {
    const { followed, table } = await filled()
    const part = { partition: 3 }
    const again = await followed.data(seqs(2, 3), { file: part })
    table.commit({ operation: 'overwrite', added: [await followed.equalityDeletes('trade_id', seqs(2, 3), part), again] })
    await followed.poll()
    expect(found(followed)).toEqual([['duplicated 0/2-2', 'duplicated 0/3-3'], []])
  })

  test('by equality on the identity reaches no other partition, unless the identity makes the partitions', async () => {
    const deleted = async (partitionSourceId: number) => {
      const followed = await began()
      const { table } = followed
      table.partitionSourceId = partitionSourceId
      table.commit({ operation: 'append', added: [await followed.data(everyRow, { file: { partition: 1 } })] })
      table.commit({ operation: 'delete', added: [await followed.equalityDeletes('trade_id', seqs(2, 3), { partition: 2 })] })
      table.reads.length = 0
      await followed.poll()
      return followed.played.saidOf('snapshot-reconciled').map(({ removed }) => removed)
    }
    expect(await deleted(4)).toEqual([[], []])
    expect(await deleted(1)).toEqual([[], [{ stream: 0, ranges: [2, 3] }]])
  })

  test('by equality on another column loses what it hits', async () => {
    const { followed, table } = await filled()
    table.commit({ operation: 'delete', added: [await followed.equalityDeletes('symbol', seqs(0, 0, 1))] })
    await followed.poll()
    expect(followed.accusations).toHaveLength(20)
    expect(new Set(followed.standing.map(({ violation, stream }) => `${violation} ${stream}`))).toEqual(new Set(['lost 1']))
  })

  test('that is taken back brings its rows back', async () => {
    const { followed, files, table } = await filled()
    const deletes = await followed.positionDeletes(files[0], [4])
    table.commit({ operation: 'delete', added: [deletes] })
    await followed.poll()
    expect(followed.accusations).toEqual(['lost 0/4-4'])
    table.commit({ operation: 'overwrite', removed: [deletes] })
    await followed.poll()
    expect(found(followed)).toEqual(silent)
  })
})

describe('a compaction', () => {
  test('that keeps all rows is silent, and so is a rewrite of manifests', async () => {
    const { followed, files, table } = await filled()
    table.commit({ operation: 'replace', removed: files, added: [await followed.data(everyRow)] })
    table.commit({ operation: 'replace', rewriteManifests: true })
    await followed.poll()
    expect(found(followed)).toEqual(silent)
  })

  test('that applies deletes is silent about what they had taken', async () => {
    const { followed, files, table } = await filled()
    const deletes = await followed.positionDeletes(files[0], [4])
    table.commit({ operation: 'delete', added: [deletes] })
    await followed.poll()
    table.commit({ operation: 'replace', removed: [...files, deletes], added: [await followed.data(without(4))] })
    await followed.poll()
    expect(found(followed)).toEqual([['lost 0/4-4'], []])
    expect(followed.standing[0]?.actual).toContain('removed by delete')
  })

  test('that brings deleted rows back, loses, doubles and changes others is named with each', async () => {
    const { followed, files, table } = await filled()
    const rows = [...without(1).map((row) => (row.stream === 1 && row.seq === 9 ? { ...row, symbol: 'X' } : row)), ...seqs(2, 2)]
    const at = table.commit({ operation: 'replace', removed: files, added: [await followed.data(rows)] })
    await followed.poll()
    expect(found(followed)).toEqual([['corrupted 1/9-9', 'duplicated 0/2-2', 'lost 0/1-1'], []])
    expect(followed.standing.map(({ actual }) => actual.replace(/^X, /, ''))).toEqual(
      expect.arrayContaining([
        'by replace',
        'another row of the same identity, by replace',
        expect.stringContaining(`removed by replace in snapshot ${at}`) as string,
      ]),
    )
  })

  test('that changes the number of rows of others is metadata-broken', async () => {
    const { followed, files, table } = await filled()
    const fewer = await followed.data(everyRow)
    fewer.recordCount = 39
    table.commit({ operation: 'replace', removed: files, added: [fewer] })
    await followed.poll()
    expect(followed.standing.map(({ violation, expected, actual }) => [violation, expected, actual])).toEqual([
      ['metadata-broken', '39 records, as the manifest says', '40 records'],
      ['metadata-broken', '40 records, as in the files it replaced', '39 records'],
    ])
  })
})

describe('a duplicate across snapshots', () => {
  test('is told with its place, file and snapshot', async () => {
    const { followed, table } = await filled()
    const file = await followed.data([{ stream: 0, seq: 6, offset: 77 }])
    const at = table.commit({ operation: 'append', added: [file] })
    await followed.poll()
    expect(followed.standing).toMatchObject([
      { violation: 'duplicated', ranges: [6, 6], partition: 0, offset: 77, file: file.path, snapshotId: String(at) },
    ])
  })

  test('by a file that is live already doubles every row of it, and is named', async () => {
    const { followed, files, table } = await filled()
    table.commit({ operation: 'append', added: [files[0]] })
    await followed.poll()
    expect(followed.accusations).toHaveLength(21)
    expect(followed.standing.find(({ violation }) => violation === 'metadata-broken')).toMatchObject({
      file: files[0].path,
      actual: 'added, and live already',
    })
  })

  test('that is removed again leaves the first row where it was', async () => {
    const { followed, table } = await filled()
    const file = await followed.data(seqs(6, 6))
    table.commit({ operation: 'append', added: [file] })
    table.commit({ operation: 'delete', removed: [file] })
    await followed.poll()
    expect(followed.accusations).toEqual(['duplicated 0/6-6'])
  })
})

describe('source offsets', () => {
  test('of others that two commits stored are told; ranges that only overlap are not', async () => {
    const { followed, table } = await filled()
    const first = await followed.data(others(100, 50))
    table.commit({ operation: 'append', added: [first] })
    const even = others(150, 50).filter(({ offset = 0 }) => offset % 2 === 0)
    const odd = others(150, 50).filter(({ offset = 0 }) => offset % 2 === 1)
    table.commit({ operation: 'append', added: [await followed.data(even)] })
    table.commit({ operation: 'append', added: [await followed.data(odd)] })
    await followed.poll()
    expect(found(followed)).toEqual(silent)
    const again = await followed.data(others(140, 5))
    table.commit({ operation: 'append', added: [again] })
    await followed.poll()
    expect(followed.standing).toMatchObject([
      { violation: 'metadata-broken', file: again.path, actual: `5 rows from partition 0 offset 140 on, as in ${first.path}` },
    ])
  })
})

describe('source offsets of others', () => {
  test.each([
    ['first', 100],
    ['last', 149],
  ])('that two commits stored are told, though it is the %s of a file alone', async (_, offset) => {
    const { followed, table } = await filled()
    const first = await followed.data(others(100, 50))
    const second = await followed.data(others(offset, 1))
    table.commit({ operation: 'append', added: [first] })
    table.commit({ operation: 'append', added: [second] })
    await followed.poll()
    expect(followed.standing).toMatchObject([
      { violation: 'metadata-broken', file: second.path, actual: `1 rows from partition 0 offset ${offset} on, as in ${first.path}` },
    ])
  })

  test('are stored once where the topic gave them to other records, or where a record was sent twice', async () => {
    const { followed, table } = await filled()
    const first = await followed.data([...others(100, 40), ...others(150, 10)])
    table.commit({ operation: 'append', added: [first] })
    const otherRecords = others(130, 5).map((row) => ({ ...row, other: `of the new topic ${row.offset}` }))
    table.commit({ operation: 'append', added: [await followed.data(otherRecords)] })
    const sentAgain = others(100, 5).map((row) => ({ ...row, offset: (row.offset ?? 0) + 45 }))
    table.commit({ operation: 'append', added: [await followed.data(sentAgain)] })
    await followed.poll()
    expect(found(followed)).toEqual(silent)
  })

  const again = async (followed: FollowedTable) => {
    const file = await followed.data(others(140, 5))
    followed.table.commit({ operation: 'append', added: [file] })
    await followed.poll()
    return followed.standing.map(({ violation, file: told, actual }) => [violation, told === file.path, actual])
  }

  test('that a row carries on when it is written anew are stored once', async () => {
    const { followed, table } = await filled()
    const file = await followed.data(others(100, 50))
    table.commit({ operation: 'append', added: [file] })
    const written = async (offset: number) => [await followed.data(others(offset, 1))]
    table.commit({ operation: 'overwrite', added: [await followed.equalityDeletes('trade_id', others(120, 1)), ...(await written(120))] })
    table.commit({ operation: 'overwrite', added: [await followed.positionDeletes(file, [21]), ...(await written(121))] })
    await followed.poll()
    expect(found(followed)).toEqual(silent)
  })

  test('that come again behind a compaction are told, and behind a restart', async () => {
    const { followed, table } = await filled()
    const file = await followed.data(others(100, 50))
    table.commit({ operation: 'append', added: [file] })
    const compacted = await followed.data(others(100, 50))
    table.commit({ operation: 'replace', removed: [file], added: [compacted] })
    await followed.poll()
    expect(found(followed)).toEqual(silent)
    const told = [['metadata-broken', true, `5 rows from partition 0 offset 140 on, as in ${compacted.path}`]]
    expect(await again(followed)).toEqual(told)
  })

  test('that came before a restart are known by their manifest', async () => {
    const { followed, table } = await filled()
    const first = await followed.data(others(100, 50), { file: boundsOf(100n, 149n) })
    table.commit({ operation: 'append', added: [first] })
    await followed.poll()
    followed.restart()
    await followed.poll()
    expect(await again(followed)).toEqual([['metadata-broken', true, `5 rows from partition 0 offset 140 on, as in ${first.path}`]])
  })
})

describe('history', () => {
  test('a rollback loses what the snapshots it undid had brought', async () => {
    const { followed, first, table } = await filled()
    table.setRef('main', first)
    await followed.poll()
    expect(followed.accusations).toEqual(Array.from({ length: 20 }, (_, seq) => `lost 1/${seq}-${seq}`).sort())
    expect(followed.standing[0]?.actual).toBe(`the table was set back to snapshot ${first}; absent from snapshot ${first}`)
  })

  test('set forward again, what it lost is there again', async () => {
    const { followed, first, table } = await filled()
    const last = first + 1
    table.setRef('main', first)
    await followed.poll()
    table.setRef('main', last)
    await followed.poll()
    expect(found(followed)).toEqual(silent)
    followed.restart()
    await followed.poll()
    expect(found(followed)).toEqual(silent)
  })

  test('set forward again while nobody followed it, what it lost is there again as well', async () => {
    const { followed, first, table } = await filled()
    table.setRef('main', first)
    await followed.poll()
    expect(followed.accusations).toHaveLength(20)
    table.setRef('main', first + 1)
    followed.restart()
    await followed.poll()
    expect(found(followed)).toEqual(silent)
  })

  test('a rollback behind where the run began loses all of it, and what comes then is followed', async () => {
    const followed = await FollowedTable.open()
    open.push(followed)
    const { table } = followed
    const oldest = table.commit({ operation: 'append', added: [] })
    table.commit({ operation: 'append', added: [] })
    followed.begin()
    await followed.poll()
    table.commit({ operation: 'append', added: [await followed.data(everyRow)] })
    await followed.poll()
    table.setRef('main', oldest)
    await followed.poll()
    expect(followed.accusations).toHaveLength(40)
    table.commit({ operation: 'append', added: [await followed.data(without(5))] })
    await followed.poll()
    expect(found(followed)).toEqual([['lost 0/5-5'], []])
  })

  test('a rollback that a restart does not see is found again, once', async () => {
    const { followed, first, table } = await filled()
    table.setRef('main', first)
    await followed.poll()
    followed.restart()
    await followed.poll()
    expect(followed.accusations).toHaveLength(20)
    expect(followed.missing).toEqual([])
  })

  test('snapshots that expire after they were read leave no gap', async () => {
    const { followed, files, table, first } = await filled()
    const third = table.commit({ operation: 'replace', removed: files, added: [await followed.data(everyRow)] })
    await followed.poll()
    table.expire([first, first + 1], files)
    table.commit({ operation: 'append', added: [] })
    await followed.poll()
    followed.restart()
    await followed.poll()
    expect(found(followed)).toEqual(silent)
    expect(third).toBe(first + 2)
  })

  test('one that expires before it was read is made good by what is live, to the row', async () => {
    const { followed, files, table } = await filled()
    const rows = [...without(9), ...seqs(2, 2)]
    const compacted = await followed.data(rows)
    const expired = table.commit({ operation: 'replace', removed: files, added: [compacted] })
    table.commit({ operation: 'append', added: [] })
    table.expire([expired], files)
    await followed.poll()
    expect(found(followed)).toEqual([['duplicated 0/2-2', 'lost 0/9-9'], []])
  })

  test('one that expires while it is read is made good by what is live', async () => {
    const { followed, files, table } = await filled()
    const expiring = table.commit({ operation: 'replace', removed: files, added: [await followed.data(without(9))] })
    table.commit({ operation: 'append', added: [] })
    table.firstAsked.set(listOf(expiring), () => {
      table.expire([expiring], files)
      return undefined
    })
    await followed.poll()
    expect(found(followed)).toEqual([['lost 0/9-9'], []])
  })

  test('whether what came by an expired one was late may not be known, and is said', async () => {
    const followed = await began()
    const { table } = followed
    const expired = table.commit({ operation: 'append', added: [await followed.data(everyRow)], atMs: 900 })
    table.commit({ operation: 'append', atMs: 9_000 })
    table.expire([expired])
    followed.played.until(9_000)
    await followed.poll()
    expect(followed.accusations).toEqual([])
    expect(followed.missing).toEqual([expect.stringContaining('whether 40 canaries were late')])
  })

  test('files of a snapshot that were compacted and removed before they were read are no defect', async () => {
    const followed = await began()
    const { table } = followed
    const file = await followed.data(everyRow)
    table.commit({ operation: 'append', added: [file] })
    table.commit({ operation: 'replace', removed: [file], added: [await followed.data(everyRow)] })
    table.objects.delete(file.path)
    await followed.poll()
    expect(found(followed)).toEqual(silent)
  })

  test('commits on another branch count once it is published, at that time', async () => {
    const { followed, table, first } = await filled()
    const rows = await followed.data(seqs(4, 4).map((row) => ({ ...row, offset: 50 })))
    table.setRef('audit', first + 1)
    const staged = table.commit({ operation: 'append', added: [rows], branch: 'audit', atMs: 1_500 })
    await followed.poll()
    expect(found(followed)).toEqual(silent)
    table.setRef('main', staged, 2_000)
    await followed.poll()
    expect(followed.accusations).toEqual(['duplicated 0/4-4'])
    expect(followed.played.saidOf('snapshot-reconciled').at(-1)).toMatchObject({ committedAtMs: 2_000 })
  })

  test('a branch that the topology names is followed instead of main', async () => {
    const followed = await began('audit')
    const { table } = followed
    table.commit({ operation: 'append', added: [await followed.data(everyRow)], branch: 'audit' })
    table.commit({ operation: 'append', added: [await followed.data(seqs(0, 3))] })
    await followed.poll()
    expect(found(followed)).toEqual(silent)
    expect(followed.played.saidOf('snapshot-reconciled')).toHaveLength(1)
  })

  test('a table dropped and made again has lost its rows, but for those written anew', async () => {
    const { followed, table } = await filled()
    table.drop('second')
    table.commit({ operation: 'append', added: [await followed.data(without(13))] })
    await followed.poll()
    expect(followed.standing.map(({ violation, ranges, field }) => [violation, ranges, field])).toEqual([
      ['metadata-broken', [0, 0], 'table-uuid'],
      ['lost', [13, 13], null],
    ])
  })
})

test('columns renamed, widened, added and dropped in mid-run are the columns they were', async () => {
  const { followed, table } = await filled()
  const [first] = table.schemas
  const evolved = (first?.fields ?? [])
    .filter(({ name }) => name !== 'p')
    .map((field) => (field.name === 'symbol' ? { ...field, name: 'ticker' } : field))
  table.schemas = [...table.schemas, { fields: [...evolved, { id: 9, name: 'extra', type: 'long' }, { id: 7, name: 'p', type: 'long' }] }]
  table.commit({ operation: 'append', added: [await followed.data([{ stream: 0, seq: 5, offset: 60 }])] })
  await followed.poll()
  expect(followed.accusations).toEqual(['duplicated 0/5-5'])
})

describe('a file that is not what its manifest says', () => {
  const bounds = boundsOf(0n, 19n)

  test('gone: told, and of those that may be in it only that nobody can say', async () => {
    const followed = await began()
    const { table } = followed
    const file = await followed.data(seqs(0, 19), { file: bounds })
    table.commit({ operation: 'append', added: [file] })
    table.objects.delete(file.path)
    table.commit({ operation: 'append', added: [await followed.data(seqs(0, 19, 1).filter(({ seq }) => seq !== 7))] })
    await followed.poll()
    await followed.poll()
    expect(followed.accusations).toEqual(['lost 1/7-7', 'metadata-broken 0/0-0'])
    expect(followed.standing[0]).toMatchObject({ file: file.path, actual: 'no such object' })
    expect(followed.missing).toEqual([`20 canaries may be in ${file.path}, which cannot be read`])
  })

  test('cut short: the same, and it says so', async () => {
    const followed = await began()
    const file = await followed.data(everyRow)
    followed.table.commit({ operation: 'append', added: [file] })
    followed.table.objects.set(file.path, (followed.table.objects.get(file.path) as Buffer).subarray(0, 900))
    await followed.poll()
    expect(followed.standing.map(({ violation, actual }) => [violation, actual])).toEqual([
      ['metadata-broken', expect.stringMatching(/^900 bytes$|no readable footer/)],
    ])
  })

  test.each([0, 1, 2])(
    'damaged in one column of row group %i: both are named, and who is in the other columns is not lost',
    async (group) => {
      const followed = await began()
      const { table } = followed
      const file = await followed.data([...everyRow, ...others(100, 6_000)], { rowGroup: 2_048 })
      table.commit({ operation: 'append', added: [file] })
      const chunk = (await followed.chunksOf(file.path, 'price'))[group] as number
      table.damage(file.path, () => Array.from({ length: 12 }, (_, i) => chunk + i))
      await followed.poll()
      expect(followed.accusations).toEqual(['metadata-broken 0/0-0'])
      expect(followed.standing[0]?.actual).toMatch(new RegExp(`^row group ${group} of 3, column price: `))
      expect(followed.missing).toEqual([])
    },
  )

  test('damaged in the identity: nobody is accused, and the doubt is told', async () => {
    const followed = await began()
    const { table } = followed
    const file = await followed.data(everyRow)
    table.commit({ operation: 'append', added: [file] })
    const [chunk] = (await followed.chunksOf(file.path, 'trade_id')) as [number]
    table.damage(file.path, () => Array.from({ length: 12 }, (_, i) => chunk + i))
    table.commit({ operation: 'append', added: [await followed.data(others(100, 3))] })
    await followed.poll()
    await followed.poll()
    expect(followed.accusations).toEqual(['metadata-broken 0/0-0'])
    expect(followed.missing).toEqual([`40 canaries may be in ${file.path}, which cannot be read`])
  })

  test('of bounds, counts and nulls that do not hold: each is told', async () => {
    const followed = await began()
    const file = await followed.data(everyRow, {
      file: { ...bounds, valueCounts: new Map([[8, 41]]), nullCounts: new Map([[1, 3]]) },
    })
    followed.table.commit({ operation: 'append', added: [file] })
    await followed.poll()
    expect(followed.standing).toMatchObject([
      {
        file: file.path,
        expected: '3 nulls of trade_id, as the manifest says; o of at most 19, as the manifest says; 41 values of o, as the manifest says',
        actual: '0; 39; 40',
      },
    ])
  })

  test('of manifests that came damaged once accuses nobody: they are read again', async () => {
    const { followed, table } = await filled()
    const at = table.commit({ operation: 'append', added: [await followed.data(others(100, 3))] })
    table.firstAsked.set(listOf(at), (bytes) => bytes.subarray(0, bytes.length >> 1))
    await expect(followed.poll()).rejects.toMatchObject({ code: 'METADATA_BROKEN' })
    await followed.poll()
    expect(found(followed)).toEqual(silent)
    expect(followed.played.saidOf('snapshot-reconciled')).toHaveLength(3)
  })

  test('of manifests that cannot be read is told, once, and what is there later is followed', async () => {
    const { followed, table } = await filled()
    const at = table.commit({ operation: 'append', added: [await followed.data(seqs(0, 0))] })
    table.objects.delete(`s3://lake/metadata/snap-${at}.avro`)
    await followed.poll()
    await followed.poll()
    expect(followed.accusations).toEqual(['metadata-broken 0/0-0'])
    expect(followed.standing[0]).toMatchObject({ file: `s3://lake/metadata/snap-${at}.avro` })
    expect(followed.missing).toEqual([expect.stringContaining(`what snapshot ${at} did is not known`)])
  })

  test('of a manifest that was cut short the manifest is named, and not the list', async () => {
    const { followed, table } = await filled()
    const at = table.commit({ operation: 'append', added: [await followed.data(seqs(0, 0))] })
    const manifest = `s3://lake/metadata/${at}-m00.avro`
    table.objects.set(manifest, (table.objects.get(manifest) as Buffer).subarray(0, -100))
    await followed.poll()
    await followed.poll()
    expect(followed.accusations).toEqual(['metadata-broken 0/0-0'])
    expect(followed.standing[0]).toMatchObject({ file: manifest, actual: expect.stringContaining('as in its manifest list') as string })
  })
})

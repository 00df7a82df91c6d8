import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { RUN } from '../../shared/core/told-run.fixture.ts'
import { FollowedTable, others, seqs, type Row } from './followed-table.fixture.ts'
import { boundsOf } from './kafka-bounds.fixture.ts'

let open: FollowedTable[] = []
afterEach(async () => {
  await Promise.all(open.map((one) => one.close()))
  open = []
})

/** Stream 0 in one file, stream 1 in the other, but for those left out. */
async function filled(...leftOut: number[]) {
  const followed = await FollowedTable.open()
  open.push(followed)
  followed.begin()
  await followed.poll()
  const first = await followed.data(seqs(0, 19), { file: boundsOf(0n, 19n) })
  const second = await followed.data(
    seqs(0, 19, 1).filter(({ seq }) => !leftOut.includes(seq)),
    { file: boundsOf(20n, 39n) },
  )
  const { table } = followed
  return { followed, table, first, second }
}

const found = (followed: FollowedTable) => [followed.accusations, followed.missing]
const cut = ({ table }: FollowedTable, path: string) => table.objects.set(path, (table.objects.get(path) as Buffer).subarray(0, 900))

describe('a data file cut short after it was read', () => {
  test('hides its own rows from a second look, and no others', async () => {
    const { followed, table, first, second } = await filled(7)
    table.commit({ operation: 'append', added: [first] })
    await followed.poll()
    cut(followed, first.path)
    table.commit({ operation: 'append', added: [second] })
    await followed.poll()
    expect(found(followed)).toEqual([['lost 1/7-7'], []])
  })

  test('is followed when it is removed: what is there then says what went', async () => {
    const { followed, table, first, second } = await filled()
    table.commit({ operation: 'append', added: [first, second] })
    await followed.poll()
    cut(followed, first.path)
    table.commit({ operation: 'delete', removed: [first] })
    table.commit({ operation: 'append', added: [await followed.data(seqs(0, 18))] })
    await followed.poll()
    await followed.poll()
    expect(found(followed)).toEqual([['lost 0/19-19'], []])
  })

  test('and touched by deletes leaves in doubt who was in it', async () => {
    const { followed, table, first, second } = await filled()
    table.commit({ operation: 'append', added: [first, second] })
    await followed.poll()
    cut(followed, first.path)
    table.commit({ operation: 'delete', added: [await followed.positionDeletes(first, [4])] })
    await followed.poll()
    await followed.poll()
    expect(followed.accusations).toEqual(['metadata-broken 0/0-0'])
    expect(followed.missing).toEqual([`20 canaries may be in ${first.path}, which cannot be read`])
  })
})

test('an earlier file that is gone is not compared with, and following goes on', async () => {
  const { followed, table, first } = await filled()
  const early = await followed.data(others(100, 50))
  table.commit({ operation: 'append', added: [early] })
  await followed.poll()
  table.objects.delete(early.path)
  table.commit({ operation: 'append', added: [await followed.data(others(140, 20))] })
  table.commit({ operation: 'append', added: [first] })
  await followed.poll()
  await followed.poll()
  expect(followed.played.saidOf('snapshot-reconciled')).toHaveLength(3)
})

test('a deletion vector that does not hold is told by its own place, and what comes behind it is followed', async () => {
  const { followed, table, first, second } = await filled(7)
  table.commit({ operation: 'append', added: [first] })
  const puffin = 's3://lake/data/vectors.puffin'
  table.objects.set(puffin, Buffer.concat([Buffer.from('PFA1'), Buffer.alloc(40, 1), Buffer.from('PFA1')]))
  const vector = { content: 1, path: puffin, recordCount: 1, sizeBytes: 48, referencedDataFile: first.path } as const
  table.commit({ operation: 'delete', added: [{ ...vector, vectorAt: { offset: 4, sizeBytes: 40 } }] })
  table.commit({ operation: 'append', added: [second] })
  await followed.poll()
  await followed.poll()
  expect(followed.accusations).toEqual(['lost 1/7-7', 'metadata-broken 0/0-0'])
  expect(followed.standing.find(({ violation }) => violation === 'metadata-broken')).toMatchObject({
    file: puffin,
    actual: expect.stringContaining('deletion vector at byte 4') as string,
  })
})

/** Written by Iceberg's Java API, uncompressed, with checksums of its pages: who the rows 0 to 19 of stream 0 are, and their places. */
const IDENTITIES = join(import.meta.dirname, '../../shared/engines/fixtures/identities.parquet')

test('a bit that flips in an identity, which reads as that of its neighbour, doubles nobody, and who is in the file is in doubt', async () => {
  const { followed, table, second } = await filled(7)
  const file = await table.put(IDENTITIES, { content: 0, recordCount: 20, ...boundsOf(0n, 19n) })
  const bytes = table.objects.get(file.path) as Buffer
  const at = bytes.indexOf(`${RUN}:0000:000000000012`) + `${RUN}:0000:00000000001`.length
  bytes[at] = (bytes[at] as number) ^ 1
  table.commit({ operation: 'append', added: [file] })
  table.commit({ operation: 'append', added: [second] })
  await followed.poll()
  await followed.poll()
  expect(found(followed)).toEqual([['lost 1/7-7', 'metadata-broken 0/0-0'], [`20 canaries may be in ${file.path}, which cannot be read`]])
  expect(followed.standing.find(({ violation }) => violation === 'metadata-broken')).toMatchObject({
    file: file.path,
    actual: expect.stringMatching(/^row group 0, column trade_id: page \d+ is not what its checksum says$/) as string,
  })
})

describe('a delete file that cannot be read', () => {
  const rows: readonly Row[] = seqs(4, 5)

  test.each<
    [what: string, written: (followed: FollowedTable, first: Awaited<ReturnType<typeof filled>>['first']) => Promise<{ path: string }>]
  >([
    ['of positions', (followed, first) => followed.positionDeletes(first, [4, 5])],
    ['of positions that names no data file', (followed, first) => followed.positionDeletes(first, [4, 5], false)],
    ['by identity', (followed) => followed.equalityDeletes('trade_id', rows)],
    ['by another column', (followed) => followed.equalityDeletes('symbol', rows)],
  ])('%s is told, and what comes behind it is followed', async (_, written) => {
    const { followed, table, first, second } = await filled(7)
    table.commit({ operation: 'append', added: [first] })
    await followed.poll()
    const deletes = await written(followed, first)
    table.commit({ operation: 'delete', added: [deletes as never] })
    table.damage(deletes.path, ({ length }) => [length - 1, length - 2, length - 6])
    table.commit({ operation: 'append', added: [second] })
    await followed.poll()
    await followed.poll()
    expect(followed.accusations).toEqual(['lost 1/7-7', 'metadata-broken 0/0-0'])
    expect(followed.standing.find(({ violation }) => violation === 'metadata-broken')).toMatchObject({
      file: deletes.path,
      expected: 'the delete file the manifest refers to',
      actual: expect.stringContaining('no readable footer') as string,
    })
  })
})

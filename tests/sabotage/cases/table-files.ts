import { open, readFile, rm, truncate } from 'node:fs/promises'
import { basename } from 'node:path'
import type { Expected, Planted, SabotageCase } from '../case.ts'
import type { Flow, Placed } from '../flow.ts'
import { storedAt } from '../pipeline.ts'
import type { WriterAnswer } from '../table-writer.ts'
import { atTable, bySlices, ids } from './table.ts'

const pathOf = (flow: Flow, location: string | undefined) => storedAt(flow.pipeline.stack, location ?? '')

/** What is done to an object behind the back of the table. */
type Damage = (path: string) => Promise<void>

const gone: Damage = (path) => rm(path)
const cutShort: Damage = async (path) => truncate(path, (await readFile(path)).length - 100)

/** The lowest bit of a byte of these, which stand in the file. */
const flippedIn =
  (what: Buffer, byte: number): Damage =>
  async (path) => {
    const bytes = await readFile(path)
    const first = bytes.indexOf(what)
    if (first < 0) throw new Error(`${path} does not hold ${what.toString('hex')}`)
    const file = await open(path, 'r+')
    const at = first + byte
    await file.write(Buffer.from([(bytes[at] as number) ^ 1]), 0, 1, at)
    await file.close()
  }

const broken = (file: string | undefined, says: string): Expected => ({
  violation: 'metadata-broken',
  at: 'table',
  field: file ?? 'no file was named',
  says,
})

const told = (
  name: string,
  of: (placed: readonly Placed[]) => { readonly told: object; readonly says: string },
  options: Partial<SabotageCase> = {},
): SabotageCase =>
  atTable(
    name,
    async (flow, placed) => {
      const { told: args, says } = of(placed)
      const { path } = await flow.append(placed, { told: args })
      await flow.sinkDone()
      return [broken(path, says)]
    },
    options,
  )

const asTheManifestSays = (what: string) => `${what}, as the manifest says`

/** Of three commits the second is damaged before anybody reads it; the last tells that the table has passed it. */
const amidst = (
  name: string,
  of: (hidden: readonly Placed[]) => Damage,
  { planted, ...options }: Partial<SabotageCase> & { planted: (file: string | undefined) => Planted },
): SabotageCase =>
  atTable(
    name,
    async (flow, placed) => {
      const [first, hidden, last] = bySlices(placed, 3) as [Placed[], Placed[], Placed[]]
      await flow.append(first)
      const file = await flow.pipeline.whileHeld('storage-reconciler', async () => {
        const { path } = await flow.append(hidden)
        await of(hidden)(pathOf(flow, path))
        await flow.append(last)
        return path
      })
      await flow.sinkDone()
      return planted(file)
    },
    { spoils: true, ...options },
  )

/** Whose rows nobody can tell are in doubt, and not lost. */
const inDoubt = (file: string | undefined, says: string): Planted => ({
  expected: [broken(file, says)],
  reason: new RegExp(`canaries may be in ${file ?? '?'}, which cannot be read`),
})

const NO_RUN_TO_ITS_END_MS = 30_000

/** The last snapshot's own metadata is damaged before anybody reads it: nothing comes behind it that could be followed. */
const atTheTip = (
  name: string,
  {
    damage,
    of,
    planted,
  }: { damage: Damage; of: (where: WriterAnswer) => string | undefined; planted: (file: string | undefined) => Planted },
): SabotageCase =>
  atTable(
    name,
    async (flow, placed) => {
      const [first, last] = bySlices(placed, 2) as [Placed[], Placed[]]
      await flow.append(first)
      await flow.heard('the first snapshot', ({ evidence }) => evidence.snapshots.length >= 1)
      const file = await flow.pipeline.whileHeld('storage-reconciler', async () => {
        await flow.append(last)
        const damaged = of(await flow.pipeline.writer.do('where'))
        await damage(pathOf(flow, damaged))
        return damaged
      })
      await flow.sinkDone()
      return planted(file)
    },
    { spoils: true, timeoutMs: NO_RUN_TO_ITS_END_MS },
  )

/** `says` of the manifest or the list, whatever else; and that nobody knows what the snapshot did. */
const unread = (says: string) => (file: string | undefined) => ({
  expected: [broken(file, says)],
  reason: /what snapshot \d+ did is not known: its metadata cannot be read/,
})

const middle = (placed: readonly Placed[]) => placed.toSorted((a, b) => Number(a.trade.price - b.trade.price))[placed.length >> 1] as Placed

function littleEndian(value: bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64LE(value)
  return bytes
}

const uncompressed = { properties: { 'write.parquet.compression-codec': 'uncompressed' } } as const

/** Manifests that lie, and files that are not what they were. */
export const tableFileCases: readonly SabotageCase[] = [
  told(
    'a manifest that counts more records than the file has',
    ({ length }) => ({ told: { moreRecords: 7 }, says: asTheManifestSays(`${length + 7} records`) }),
    // A compaction would rightly be told to have lost them.
    { spoils: true },
  ),
  told('a manifest that tells another size of the file', () => ({ told: { moreBytes: 512 }, says: asTheManifestSays('bytes') })),
  told('a lower bound that lies', () => ({ told: { lowerSymbol: 'ZZZ' }, says: asTheManifestSays('symbol of at least ZZZ') })),
  told('an upper bound that lies', () => ({ told: { upperSymbol: 'AAA' }, says: asTheManifestSays('symbol of at most AAA') })),
  told('counts of values and of nulls that lie', (placed) => {
    const nulls = placed.filter(({ trade }) => trade.note === null).length
    const says = [`${placed.length + 3} values of note`, `${nulls + 2} nulls of note`].map(asTheManifestSays).join('; ')
    return { told: { moreNotes: 3, moreNullNotes: 2 }, says }
  }),
  amidst('a data file gone in the store', () => gone, { planted: (file) => inDoubt(file, 'no such object') }),
  amidst('a data file truncated in the store', () => cutShort, { planted: (file) => inDoubt(file, 'no readable footer') }),
  amidst('a bit of a price flipped in the store', (hidden) => flippedIn(littleEndian(middle(hidden).trade.price), 0), {
    table: uncompressed,
    planted: (file) => ({ expected: [broken(file, 'row group 0, column price: ')] }),
  }),
  // It decodes to the identity of a neighbour: nobody may be called doubled for that.
  amidst('a bit of an identity flipped in the store', (hidden) => flippedIn(Buffer.from(middle(hidden).id), middle(hidden).id.length - 1), {
    table: uncompressed,
    planted: (file) => inDoubt(file, 'row group 0, column trade_id: '),
  }),
  atTable(
    'a file of position deletes gone in the store',
    async (flow, placed, chosen) => {
      await flow.append(placed)
      const file = await flow.pipeline.whileHeld('storage-reconciler', async () => {
        const { path } = await flow.pipeline.writer.do('delete-rows', { by: 'positions', ids: ids(chosen) })
        await gone(pathOf(flow, path))
        return path
      })
      await flow.sinkDone()
      return [broken(file, 'the delete file the manifest refers to')]
    },
    { spoils: true },
  ),
  atTheTip('a manifest truncated in the store', {
    damage: cutShort,
    of: ({ manifest }) => manifest,
    planted: unread('bytes as in its manifest list'),
  }),
  atTheTip('a manifest list gone in the store', {
    damage: gone,
    of: ({ manifestList }) => manifestList,
    planted: unread('no such object'),
  }),
  // The catalog can answer nothing without it, so there is nothing to be found either: the doubt names it.
  atTheTip('the metadata file of the table gone in the store', {
    damage: gone,
    of: ({ metadata }) => metadata,
    planted: (file) => ({ expected: [], verdict: 'inconclusive', reason: new RegExp(basename(file ?? 'no metadata was named')) }),
  }),
]

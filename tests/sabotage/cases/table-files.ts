import { open, readFile, rm, truncate } from 'node:fs/promises'
import type { Expected, Planted, SabotageCase } from '../case.ts'
import type { Flow, Placed } from '../flow.ts'
import { storedAt } from '../pipeline.ts'
import { atTable, bySlices } from './table.ts'

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
]

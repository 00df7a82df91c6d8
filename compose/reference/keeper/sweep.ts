import type { Catalog } from '../catalog.ts'
import type { ObjectStore } from '../store.ts'
import { DELETED, readEntries, readList } from './manifests.ts'

export type SweepPorts = { catalog: Pick<Catalog, 'metadata'>; store: ObjectStore }
/** Metadata that nothing names and that is older than this can be of no commit that is still under way. */
export const SWEPT_AFTER_MS = 60 * 60_000
/** The rest is for the next turn. */
const SWEPT_MAX = 20_000
/** A merged manifest is some 20 MB unpacked. */
const AT_ONCE = 4
const LIST_NAME = /\/snap-[^/]*\.avro$/

export type Swept = { metadataFiles: number; dataFiles: number }

/**
 * Removes what expired snapshots leave behind: manifests and lists that no snapshot names, and the data files that such a manifest says
 * were deleted, unless a snapshot that is kept still has them. The manifest goes last, so that a sweep cut short is done again.
 * Files that no commit ever named are left alone: the sink may yet commit them.
 */
export async function sweep({ catalog, store }: SweepPorts, nowMs: number): Promise<Swept> {
  // Listed before the snapshots are read: what is written meanwhile is too young, and what is committed is then named.
  const metadata = await catalog.metadata()
  const found = await store.list(`${metadata.location}/metadata`)
  const old = found.filter(({ uri, modifiedMs }) => uri.endsWith('.avro') && modifiedMs < nowMs - SWEPT_AFTER_MS)
  if (old.length === 0) return { metadataFiles: 0, dataFiles: 0 }
  const { named, live } = await inUse({ catalog, store })
  const unnamed = old.filter(({ uri }) => !named.has(uri)).slice(0, SWEPT_MAX)
  let dataFiles = 0
  await each(unnamed, async ({ uri }) => {
    if (!LIST_NAME.test(uri)) {
      for (const { status, data_file: file } of (await readEntries(store, uri)).rows) {
        if (status !== DELETED || live.has(file.file_path)) continue
        await store.remove(file.file_path)
        dataFiles += 1
      }
    }
    await store.remove(uri)
  })
  return { metadataFiles: unnamed.length, dataFiles }
}

/** Metadata files that the table's snapshots name, and data files that one of them has. Throws when one cannot be read: nothing is swept then. */
async function inUse({ catalog, store }: SweepPorts): Promise<{ named: ReadonlySet<string>; live: ReadonlySet<string> }> {
  const { snapshots } = await catalog.metadata()
  const manifests = new Set<string>()
  await each(snapshots, async (snapshot) => {
    for (const row of (await readList(store, snapshot['manifest-list'])).rows) manifests.add(row.manifest_path)
  })
  const live = new Set<string>()
  await each([...manifests], async (uri) => {
    for (const entry of (await readEntries(store, uri)).rows) if (entry.status !== DELETED) live.add(entry.data_file.file_path)
  })
  return { named: new Set([...manifests, ...snapshots.map((one) => one['manifest-list'])]), live }
}

async function each<Item>(items: readonly Item[], act: (item: Item) => Promise<void>): Promise<void> {
  const left = items.values()
  const work = async () => {
    for (const item of left) await act(item)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
}

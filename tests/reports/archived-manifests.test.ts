import { basename } from 'node:path'
import { expect, it } from 'vitest'
import { fetchRawEvidence } from '../../agents/reporter/reports/fetch-raw.ts'
import { cleanFacts, sourceOf, violation } from '../../agents/reporter/reports/sample-run.ts'
import { parseManifestList } from '../../shared/iceberg/manifests.ts'
import { tableHop } from '../../topology/topology.ts'
import { expectedOf, folderStore, metadataOf } from '../corpus/corpus.ts'

it('the archive of a run holds metadata, manifest list and manifests of the snapshots that findings name, as they are stored', async () => {
  const table = expectedOf('commits')
  const metadata = metadataOf(table)
  // An append: it wrote manifests of its own, and carries others on.
  const snapshot = metadata.snapshots[1]
  const listed = parseManifestList(await folderStore.get(snapshot?.manifestList ?? ''), 'list')
  const manifests = listed.filter(({ addedSnapshotId }) => addedSnapshotId === snapshot?.snapshotId).map(({ path }) => path)
  const named = violation({
    violation: 'corrupted',
    hop: 'table:market.trades',
    stream: 2,
    ranges: [7, 7],
    snapshotId: `${snapshot?.snapshotId}`,
  })
  const { files, leftOut } = await fetchRawEvidence(sourceOf([...cleanFacts(), named]), {
    topology: { hops: [tableHop.parse({ kind: 'table', namespace: 'market', table: 'trades', deliverWithinMs: 1, giveUpAfterMs: 2 })] },
    readInterval: () => Promise.reject(new Error('not asked')),
    nowMs: () => 0,
    catalog: { loadTable: () => Promise.resolve({ metadataLocation: table.metadata, metadata }) },
    store: { ...folderStore, head: async (uri) => ({ sizeBytes: (await folderStore.get(uri)).length }) },
  })
  expect(leftOut).toEqual([])
  const expected = [table.metadata, snapshot?.manifestList ?? '', ...manifests]
  expect(manifests.length).toBeGreaterThan(0)
  expect(listed.length).toBeGreaterThan(manifests.length)
  expect(files.map(({ name }) => name)).toEqual(expected.map((uri) => `market.trades/${basename(uri)}`))
  for (const [at, uri] of expected.entries()) expect(files[at]?.content).toEqual(await folderStore.get(uri))
})

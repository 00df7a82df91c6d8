import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readAvroFile } from '../../compose/reference/avro-file.ts'
import { tableMetadataOf, type Change } from '../../compose/reference/catalog.ts'
import { retireRows } from '../../compose/reference/keeper/retention.ts'
import { parseManifest, parseManifestList } from '../../shared/iceberg/manifests.ts'

/** A table that Iceberg's own writer made; its column `id` stands in for the time at which Kafka got the record. */
const TABLE = join(import.meta.dirname, '../corpus/tables/commits')
const LOCATION = 's3://corpus/commits'
const TEXT = readFileSync(join(TABLE, 'metadata/v9.metadata.json'), 'utf8')

test('a table of another writer keeps its schemas, ids and sequence numbers when rows are retired', async () => {
  const metadata = tableMetadataOf(`{"metadata":${TEXT.replaceAll(/"name"\s*:\s*"id"/g, '"name":"_kafka_metadata_timestamp"')}}`)
  const written = new Map<string, Buffer>()
  const changes: Change[] = []
  const store = {
    get: (uri: string) => Promise.resolve(written.get(uri) ?? readFileSync(join(TABLE, uri.slice(LOCATION.length)))),
    put: (uri: string, bytes: Buffer) => {
      written.set(uri, bytes)
      return Promise.resolve()
    },
    remove: () => Promise.reject(new Error('nothing is removed')),
    list: () => Promise.reject(new Error('nothing is listed')),
  }
  const catalog = {
    metadata: () => Promise.resolve(metadata),
    commit: (change: Change) => {
      changes.push(change)
      return Promise.resolve(true)
    },
  }
  // Its last snapshot has files of the ids 5 to 10, 21 to 25 and 26 to 30.
  expect(await retireRows({ catalog, store }, 25)).toEqual({ files: 1, rows: 6n })

  const [manifestUri = '', listUri = ''] = written.keys()
  const [list, ...noMore] = parseManifestList(written.get(listUri) ?? Buffer.alloc(0), listUri)
  expect(noMore).toEqual([])
  expect(list).toMatchObject({
    path: manifestUri,
    sizeBytes: written.get(manifestUri)?.length,
    sequenceNumber: 9,
    minSequenceNumber: 6,
    addedFiles: 0,
    existingFiles: 2,
    deletedFiles: 1,
    existingRows: 10,
    deletedRows: 6,
  })
  if (list === undefined) throw new Error('no manifest is listed')
  const entries = parseManifest(written.get(manifestUri) ?? Buffer.alloc(0), list)
  expect(entries.map(({ status, file }) => `${status} ${file.path.slice(LOCATION.length)}`).sort()).toEqual([
    'deleted /data/04.parquet',
    'existing /data/05.parquet',
    'existing /data/06.parquet',
  ])
  const sequences = (found: ReturnType<typeof parseManifest>) =>
    new Map(found.map(({ file, sequenceNumber, fileSequenceNumber }) => [file.path, [sequenceNumber, fileSequenceNumber]]))
  const [source] = sourceManifests()
  if (source === undefined) throw new Error('no manifest was listed')
  expect(sequences(entries)).toEqual(sequences(parseManifest(readFileSync(join(TABLE, source.path.slice(LOCATION.length))), source)))
  for (const uri of written.keys()) {
    const before = readAvroFile(readFileSync(join(TABLE, sourceOf(uri))), uri).meta
    const after = readAvroFile(written.get(uri) ?? Buffer.alloc(0), uri).meta
    expect(String(after['avro.schema'])).toBe(String(before['avro.schema']))
    expect(Object.keys(after).sort()).toEqual(Object.keys(before).sort())
  }
  expect(changes).toHaveLength(1)
})

/** Where the list of the last snapshot lies, below the table's folder. */
function sourceList(): string {
  const metadata = tableMetadataOf(`{"metadata":${TEXT}}`)
  const current = metadata.snapshots.find((one) => one['snapshot-id'] === metadata['current-snapshot-id'])
  return (current?.['manifest-list'] ?? '').slice(LOCATION.length)
}

const sourceManifests = () => parseManifestList(readFileSync(join(TABLE, sourceList())), sourceList())

/** The file that one written anew comes from. */
const sourceOf = (uri: string): string =>
  uri.includes('/snap-') ? sourceList() : (sourceManifests()[0]?.path ?? '').slice(LOCATION.length)

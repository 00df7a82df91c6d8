import { basename } from 'node:path'
import type { Snapshot } from '../../../shared/iceberg/metadata.ts'
import { manifestsOf } from '../../../shared/iceberg/changes.ts'
import { parseManifestList } from '../../../shared/iceberg/manifests.ts'
import type { ObjectReader } from '../../../shared/iceberg/snapshot-reader.ts'
import type { TableCatalog } from '../../../shared/iceberg/rest-catalog.ts'
import type { ReadRecord } from '../../../shared/runtime/kafka-reader.ts'
import type { SecondLook } from '../../../shared/runtime/kafka-look-again.ts'
import { hopName, type TableHop, type Topology } from '../../../topology/topology.ts'
import type { ArchivedFile } from './archive.ts'
import { violationGroups } from './locate.ts'
import type { ReportSource } from './report-source.ts'

/** What lies in the pipeline itself, fetched for the archive of a run; and what could not be had. */
export interface RawEvidence {
  readonly files: readonly ArchivedFile[]
  readonly leftOut: readonly string[]
}

export interface Interval {
  readonly topic: string
  readonly partition: number
  readonly offsetFirst: number
  readonly offsetLast: number
}

export interface RawEvidencePorts {
  readonly topology: Pick<Topology, 'hops'>
  /** Reads an interval by a fresh consumer; never rejects. */
  readonly readInterval: (interval: Interval, onRecords: (records: readonly ReadRecord[]) => void) => Promise<SecondLook>
  readonly catalog: TableCatalog
  readonly store: ObjectReader
}

export const RECORDS_MAX = 200
/** Each interval costs a consumer: offsets nearer than this to each other are read in one go. */
const GAP_MAX = 500
const INTERVALS_MAX = 24
const SNAPSHOTS_MAX = 8
const MANIFESTS_MAX = 20

/** The records that findings name, as they stand in Kafka, and metadata, manifest list and manifests of snapshots they name. Never rejects. */
export async function fetchRawEvidence(source: ReportSource, ports: RawEvidencePorts): Promise<RawEvidence> {
  const parts = [await rawRecords(source, ports)]
  for (const hop of ports.topology.hops) if (hop.kind === 'table') parts.push(await tableMetadata(source, { hop, ports }))
  return { files: parts.flatMap(({ files }) => files), leftOut: parts.flatMap(({ leftOut }) => leftOut) }
}

interface Place {
  readonly topic: string
  readonly partition: number
  readonly offset: number
}

const keyOf = ({ topic, partition, offset }: Place) => `${topic} partition ${partition} offset ${offset}`

/** In turn from each group of findings, so that a flood of one kind leaves room for the others. */
export function placesOf({ run, evidence }: Pick<ReportSource, 'run' | 'evidence'>): { places: Place[]; all: number } {
  const groups = violationGroups(run, evidence).map(({ located }) =>
    located.flatMap(({ topic, violation: { partition, offset } }) =>
      topic === null || partition === null || offset === null || offset < 0 ? [] : [{ topic, partition, offset }],
    ),
  )
  const all = new Map<string, Place>()
  const longest = Math.max(0, ...groups.map((places) => places.length))
  for (let turn = 0; turn < longest; turn++)
    for (const places of groups) {
      const place = places[turn]
      if (place !== undefined) all.set(keyOf(place), place)
    }
  return { places: [...all.values()].slice(0, RECORDS_MAX), all: all.size }
}

export function intervalsOf(places: readonly Place[]): Interval[] {
  const ordered = places.toSorted((a, b) => a.topic.localeCompare(b.topic) || a.partition - b.partition || a.offset - b.offset)
  const intervals: Interval[] = []
  for (const { topic, partition, offset } of ordered) {
    const last = intervals.at(-1)
    const isNear = last?.topic === topic && last.partition === partition && offset - last.offsetLast <= GAP_MAX
    if (isNear) intervals[intervals.length - 1] = { ...last, offsetLast: offset }
    else intervals.push({ topic, partition, offsetFirst: offset, offsetLast: offset })
  }
  return intervals
}

async function rawRecords(source: ReportSource, { readInterval }: RawEvidencePorts): Promise<RawEvidence> {
  const { places, all } = placesOf(source)
  const wanted = new Set(places.map(keyOf))
  const leftOut = all > places.length ? [`raw-records.jsonl: ${all - places.length} of ${all} records`] : []
  const lines: string[] = []
  const intervals = intervalsOf(places)
  if (intervals.length > INTERVALS_MAX)
    leftOut.push(`raw-records.jsonl: records of ${intervals.length - INTERVALS_MAX} of ${intervals.length} stretches of offsets`)
  for (const interval of intervals.slice(0, INTERVALS_MAX)) {
    const { topic, partition } = interval
    const look = await readInterval(interval, (records) => {
      for (const record of records) {
        const place = { topic, partition, offset: record.offset }
        if (wanted.delete(keyOf(place))) lines.push(recordLine(place, record))
      }
    })
    if (!look.complete)
      leftOut.push(`raw-records.jsonl: ${topic} partition ${partition} from offset ${interval.offsetFirst}: ${look.reason}`)
  }
  return { files: lines.length === 0 ? [] : [{ name: 'raw-records.jsonl', content: `${lines.join('\n')}\n` }], leftOut }
}

const recordLine = (place: Place, { timestampMs, key, value, headers }: ReadRecord) =>
  JSON.stringify({
    ...place,
    timestampMs,
    keyBase64: key?.toString('base64') ?? null,
    valueBase64: value?.toString('base64') ?? null,
    headersBase64: Object.fromEntries(Object.entries(headers).map(([name, bytes]) => [name, bytes.toString('base64')])),
  })

async function tableMetadata(
  { evidence }: ReportSource,
  { hop, ports: { catalog, store } }: { hop: TableHop; ports: RawEvidencePorts },
): Promise<RawEvidence> {
  const name = hopName(hop)
  const named = new Set<string>()
  for (const violation of evidence.violations.values())
    if (violation.hop === name && violation.snapshotId !== null && !violation.standing.isEmpty) named.add(violation.snapshotId)
  if (named.size === 0) return { files: [], leftOut: [] }
  const files: ArchivedFile[] = []
  const leftOut: string[] = []
  const folder = `${hop.namespace}.${hop.table}`
  const attempt = async (what: string, work: () => Promise<void>) => {
    try {
      await work()
    } catch (error) {
      leftOut.push(`${folder}/${what}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  await attempt('metadata', async () => {
    const { metadata, metadataLocation } = await catalog.loadTable(hop)
    const keep = async (location: string) => {
      const bytes = await store.get(location)
      files.push({ name: `${folder}/${basename(location)}`, content: bytes })
      return bytes
    }
    if (metadataLocation !== null) await attempt(basename(metadataLocation), () => keep(metadataLocation).then(() => undefined))
    if (named.size > SNAPSHOTS_MAX) leftOut.push(`${folder}: manifests of ${named.size - SNAPSHOTS_MAX} of ${named.size} snapshots`)
    for (const snapshotId of [...named].slice(0, SNAPSHOTS_MAX)) {
      const snapshot = metadata.snapshots.find((one) => String(one.snapshotId) === snapshotId)
      if (snapshot === undefined) leftOut.push(`${folder}: snapshot ${snapshotId} is no longer in the table's metadata`)
      else await attempt(`snapshot ${snapshotId}`, () => keepManifests(snapshot, keep))
    }
  })
  return { files, leftOut }
}

async function keepManifests(snapshot: Snapshot, keep: (location: string) => Promise<Uint8Array>): Promise<void> {
  const manifests = parseManifestList(await keep(snapshot.manifestList), snapshot.manifestList)
  for (const { path } of manifestsOf(snapshot, manifests).slice(0, MANIFESTS_MAX)) await keep(path)
}

import { basename } from 'node:path'
import { manifestsOf } from '../../../shared/iceberg/changes.ts'
import { parseManifestList } from '../../../shared/iceberg/manifests.ts'
import type { Snapshot } from '../../../shared/iceberg/metadata.ts'
import { hopName, type TableHop } from '../../../topology/topology.ts'
import type { ArchivedFile } from './archive.ts'
import { FETCH_MS, type RawEvidence, type RawEvidencePorts } from './raw-evidence.ts'
import type { ReportSource } from './report-source.ts'

const SNAPSHOTS_MAX = 8
const MANIFESTS_MAX = 20
/** Of a table's files together. */
export const METADATA_BYTES_MAX = 16 * 1024 * 1024

/** Metadata of a table, and manifest list and manifests of the snapshots that findings name. */
export async function tableMetadata(
  { evidence }: ReportSource,
  { hop, ports }: { hop: TableHop; ports: RawEvidencePorts },
): Promise<RawEvidence> {
  const name = hopName(hop)
  const named = new Set<string>()
  for (const violation of evidence.violations.values())
    if (violation.hop === name && violation.snapshotId !== null && !violation.standing.isEmpty) named.add(violation.snapshotId)
  if (named.size === 0) return { files: [], leftOut: [] }
  const folder = `${hop.namespace}.${hop.table}`
  const fetched = new FetchedFiles(folder, ports)
  await fetched.attempt('metadata', async () => {
    const { metadata, metadataLocation } = await ports.catalog.loadTable(hop)
    if (metadataLocation !== null) await fetched.keep(metadataLocation)
    if (named.size > SNAPSHOTS_MAX) fetched.leaveOut(`manifests of ${named.size - SNAPSHOTS_MAX} of ${named.size} snapshots`)
    for (const snapshotId of [...named].slice(0, SNAPSHOTS_MAX)) {
      const snapshot = metadata.snapshots.find((one) => String(one.snapshotId) === snapshotId)
      if (snapshot === undefined) fetched.leaveOut(`snapshot ${snapshotId} is no longer in the table's metadata`)
      else await keepManifests(snapshot, fetched)
    }
  })
  return fetched
}

async function keepManifests(snapshot: Snapshot, fetched: FetchedFiles): Promise<void> {
  await fetched.attempt(`snapshot ${snapshot.snapshotId}`, async () => {
    const list = await fetched.keep(snapshot.manifestList)
    if (list === null) return
    const manifests = manifestsOf(snapshot, parseManifestList(list, snapshot.manifestList))
    if (manifests.length > MANIFESTS_MAX)
      fetched.leaveOut(`${manifests.length - MANIFESTS_MAX} of ${manifests.length} manifests of snapshot ${snapshot.snapshotId}`)
    for (const { path, sizeBytes } of manifests.slice(0, MANIFESTS_MAX)) await fetched.keep(path, sizeBytes)
  })
}

/** Files of one table, within bounds of bytes and time. */
class FetchedFiles implements RawEvidence {
  readonly files: ArchivedFile[] = []
  readonly leftOut: string[] = []
  readonly #folder: string
  readonly #ports: RawEvidencePorts
  readonly #untilMs: number
  #bytes = 0

  constructor(folder: string, ports: RawEvidencePorts) {
    this.#folder = folder
    this.#ports = ports
    this.#untilMs = ports.nowMs() + FETCH_MS
  }

  leaveOut(what: string): void {
    this.leftOut.push(`${this.#folder}: ${what}`)
  }

  async attempt(what: string, work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      this.leaveOut(`${what}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }

  /** Null where it could not be had, or is not wanted any more: the reason is told. */
  async keep(location: string, knownBytes?: number): Promise<Uint8Array | null> {
    let kept: Uint8Array | null = null
    await this.attempt(location, async () => {
      const { store, nowMs } = this.#ports
      if (nowMs() >= this.#untilMs) {
        this.leaveOut(`${location}: not begun within ${FETCH_MS} ms`)
        return
      }
      const sizeBytes = knownBytes ?? (await store.head(location))?.sizeBytes ?? 0
      const limit = METADATA_BYTES_MAX - this.#bytes
      if (sizeBytes > limit) {
        this.leaveOut(`${location}: ${sizeBytes} bytes, and ${limit} were left for it`)
        return
      }
      kept = await store.get(location)
      this.#bytes += kept.length
      this.files.push({ name: `${this.#folder}/${basename(location)}`, content: kept })
    })
    return kept
  }
}

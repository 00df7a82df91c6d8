import type { RawEvidence, RawEvidencePorts } from './raw-evidence.ts'
import { tableMetadata } from './raw-metadata.ts'
import { rawRecords } from './raw-records.ts'
import type { ReportSource } from './report-source.ts'

/** The records that findings name, as they stand in Kafka, and metadata, manifest list and manifests of snapshots they name. Never rejects. */
export async function fetchRawEvidence(source: ReportSource, ports: RawEvidencePorts): Promise<RawEvidence> {
  const parts = [await rawRecords(source, ports)]
  for (const hop of ports.topology.hops) if (hop.kind === 'table') parts.push(await tableMetadata(source, { hop, ports }))
  return { files: parts.flatMap(({ files }) => files), leftOut: parts.flatMap(({ leftOut }) => leftOut) }
}

/** Each that waits holds the evidence of its run: where the pipeline answers slowly, later runs do without. */
export const WAITING_MAX = 8

/** One at a time: the archive of a verdict that was amended must not be overtaken by that of the one before. */
export function inTurn(fetchRaw: (source: ReportSource) => Promise<RawEvidence>): (source: ReportSource) => Promise<RawEvidence> {
  let last: Promise<unknown> = Promise.resolve()
  let waiting = 0
  return async (source) => {
    if (waiting >= WAITING_MAX)
      return { files: [], leftOut: [`raw records and manifests: those of ${waiting} runs before were still to be fetched`] }
    waiting++
    const fetched = last.then(() => fetchRaw(source))
    last = fetched
    try {
      return await fetched
    } finally {
      waiting--
    }
  }
}

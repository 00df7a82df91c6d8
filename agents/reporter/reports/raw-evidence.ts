import type { TableCatalog } from '../../../shared/iceberg/rest-catalog.ts'
import type { ObjectStore } from '../../../shared/iceberg/object-store.ts'
import type { ReadRecord } from '../../../shared/runtime/kafka-reader.ts'
import type { SecondLook } from '../../../shared/runtime/kafka-look-again.ts'
import type { Topology } from '../../../topology/topology.ts'
import type { ArchivedFile } from './archive.ts'

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
  readonly nowMs: () => number
  /** Reads an interval by a fresh consumer; never rejects. */
  readonly readInterval: (interval: Interval, onRecords: (records: readonly ReadRecord[]) => void) => Promise<SecondLook>
  readonly catalog: TableCatalog
  readonly store: Pick<ObjectStore, 'get' | 'head'>
}

/** For the records of a run, and for each of its tables: after that nothing more is begun. */
export const FETCH_MS = 10_000

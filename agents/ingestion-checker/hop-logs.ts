import type { Located } from '../../schemas/parts.ts'
import type { RecordHop } from '../../shared/core/run-work.ts'
import type { CanarySearch } from '../../shared/runtime/canary-search.ts'
import type { KafkaAdmin } from '../../shared/runtime/kafka-admin.ts'
import { createReader, type ReadRecord } from '../../shared/runtime/kafka-reader.ts'
import type { KafkaLink } from '../../shared/runtime/kafka.ts'
import { consumerPosition, createNatsReader, lookAtStream, streamEnd } from '../../shared/runtime/nats-reader.ts'
import { subjectFilter, type NatsLink } from '../../shared/runtime/nats.ts'
import type { SourceHop, TopicHop } from '../../topology/topology.ts'

/** What a hop's records are kept in: partitions of offsets, whoever keeps them. Every call may throw AssayError. */
export interface HopLog {
  /** The offset the next record will get, by partition. */
  ends(): Promise<ReadonlyMap<number, number>>
  /** How far the group that turns this hop into the next has come: the first offset it has not done with. */
  committed(group: string): Promise<ReadonlyMap<number, number>>
  read(reading: LogReading): LogReader
  /** Canaries of a run by a fresh reader. */
  find(runId: string, wanted: ReadonlySet<string>, interval: LogInterval): Promise<Located[]>
}

export interface LogReading {
  readonly positions: ReadonlyMap<number, number>
  readonly onBatch: (batch: { readonly partition: number; readonly records: readonly ReadRecord[] }) => Promise<void>
  readonly onTrouble: (trouble: { readonly kind: string; readonly message: string }) => void
}

export interface LogReader {
  positions(): ReadonlyMap<number, number>
  close(): Promise<void>
}

export interface LogInterval {
  readonly partition: number
  readonly offsetFirst: number
  readonly offsetLast: number
}

export interface LogPorts {
  readonly kafka: KafkaLink
  readonly admin: KafkaAdmin
  /** Null where the topology has no source. */
  readonly nats: NatsLink | null
  readonly search: CanarySearch
}

export function hopLog(ports: LogPorts, hop: RecordHop): HopLog {
  if (hop.kind === 'topic') return topicLog(ports, hop)
  if (ports.nats === null) throw new Error('a source hop without connections.nats: the topology was not parsed')
  return streamLog({ nats: ports.nats, search: ports.search }, hop)
}

function topicLog({ kafka, admin, search }: LogPorts, { topic }: TopicHop): HopLog {
  return {
    ends: async () => new Map((await admin.topicOffsets(topic)).map(({ partition, high }) => [partition, high])),
    async committed(group) {
      const offsets = await admin.groupOffsets(group, topic)
      return new Map(offsets.flatMap(({ partition, offset }) => (offset === null ? [] : [[partition, offset] as const])))
    },
    read({ positions, onBatch, onTrouble }) {
      const reader = createReader(kafka, { topics: [{ topic, positions }], onBatch, onTrouble })
      return { positions: () => reader.positions().get(topic) ?? new Map<number, number>(), close: () => reader.close() }
    },
    find: (runId, wanted, interval) => search.find(runId, wanted, { topic, ...interval }),
  }
}

/** A stream is one partition, its sequence the offset. */
const PARTITION = 0
const LOOK_TIMEOUT_MS = 20_000

function streamLog({ nats, search }: { nats: NatsLink; search: CanarySearch }, { stream, subject }: SourceHop): HopLog {
  const filter = subjectFilter(subject)
  return {
    ends: async () => new Map([[PARTITION, await streamEnd(nats, stream)]]),
    committed: async (group) => new Map([[PARTITION, await consumerPosition(nats, stream, group)]]),
    read({ positions, onBatch, onTrouble }) {
      const reader = createNatsReader(nats, {
        stream,
        filter,
        offsetFirst: positions.get(PARTITION) ?? 1,
        onBatch: (records) => onBatch({ partition: PARTITION, records }),
        onTrouble,
      })
      return { positions: () => new Map([[PARTITION, reader.position()]]), close: () => reader.close() }
    },
    async find(runId, wanted, { partition, offsetFirst, offsetLast }) {
      const records = await lookAtStream(nats, { stream, filter, offsetFirst, offsetLast, timeoutMs: LOOK_TIMEOUT_MS })
      return search.locate(runId, wanted, { partition, records })
    },
  }
}

import type { Located, OffsetRange } from '../../schemas/parts.ts'
import type { RecordHop } from '../../shared/core/run-work.ts'
import type { CanarySearch, UnreadableRecord } from '../../shared/runtime/canary-search.ts'
import type { KafkaAdmin } from '../../shared/runtime/kafka-admin.ts'
import { createReader, type ReadRecord } from '../../shared/runtime/kafka-reader.ts'
import type { TopicStates } from '../../shared/runtime/kafka-topic-state.ts'
import type { KafkaLink } from '../../shared/runtime/kafka.ts'
import { lookRounds } from '../../shared/runtime/look-rounds.ts'
import { consumerPosition, createNatsReader, lookAtStream, streamEnd } from '../../shared/runtime/nats-reader.ts'
import { subjectFilter, type NatsLink } from '../../shared/runtime/nats.ts'
import type { SourceHop, TopicHop } from '../../topology/topology.ts'
import type { LogState } from './log-watch.ts'

/** What a hop's records are kept in: partitions of offsets, whoever keeps them. Every call may throw AssayError. */
export interface HopLog {
  state(): Promise<LogState>
  /** The offset the next record will get, by partition; what an open transaction holds back included. */
  ends(): Promise<ReadonlyMap<number, number>>
  /** Whether only the last record of each key is kept; null where that is not to be learnt. */
  isCompacted(): Promise<boolean | null>
  /** How far the group that turns this hop into the next has come: the first offset it has not done with. */
  committed(group: string): Promise<ReadonlyMap<number, number>>
  read(reading: LogReading): LogReader
  /** Canaries of a run by a fresh reader. */
  find(runId: string, wanted: ReadonlySet<string>, within: LogIntervals): Promise<Located[]>
}

export interface LogReading {
  readonly positions: ReadonlyMap<number, number>
  /** Partitions of which this says no are others' affair. */
  readonly reads: (partition: number) => boolean
  readonly onBatch: (batch: LogBatch) => Promise<void>
  readonly onTrouble: (trouble: { readonly kind: string; readonly message: string }) => void
}

export interface LogBatch {
  readonly partition: number
  readonly records: readonly ReadRecord[]
  /** What was removed just before the batch, and never read. */
  readonly removed?: { readonly offsetFirst: number; readonly offsetLast: number }
}

export interface LogReader {
  positions(): ReadonlyMap<number, number>
  /** Offsets that were passed over since they hold no record any more. */
  skipped(): number
  close(): Promise<void>
}

export interface LogIntervals {
  readonly intervals: readonly OffsetRange[]
  readonly onUnreadable?: ((record: UnreadableRecord) => void) | undefined
}

export interface LogPorts {
  readonly kafka: KafkaLink
  readonly admin: KafkaAdmin
  readonly states: TopicStates
  /** Null where the topology has no source. */
  readonly nats: NatsLink | null
  readonly search: CanarySearch
}

export function hopLog(ports: LogPorts, hop: RecordHop): HopLog {
  if (hop.kind === 'topic') return topicLog(ports, hop)
  if (ports.nats === null) throw new Error('a source hop without connections.nats: the topology was not parsed')
  return streamLog({ nats: ports.nats, search: ports.search }, hop)
}

function topicLog({ kafka, admin, states, search }: LogPorts, { topic }: TopicHop): HopLog {
  return {
    async state() {
      const { topicId, partitions } = await states.of(topic)
      // In this order: what is held back now was written before the ends were read.
      const stable = new Map((await admin.topicOffsets(topic)).map(({ partition, high }) => [partition, high]))
      return { topicId, partitions: partitions.map((found) => ({ ...found, stableEnd: stable.get(found.partition) ?? found.end })) }
    },
    ends: async () => new Map((await states.of(topic)).partitions.map(({ partition, end }) => [partition, end])),
    isCompacted: () => admin.isCompacted(topic),
    async committed(group) {
      const offsets = await admin.groupOffsets(group, topic)
      return new Map(offsets.flatMap(({ partition, offset }) => (offset === null ? [] : [[partition, offset] as const])))
    },
    read({ positions, reads, onBatch, onTrouble }) {
      const reader = createReader(kafka, { topics: [{ topic, positions }], reads, onBatch, onTrouble })
      return {
        positions: () => reader.positions().get(topic) ?? new Map<number, number>(),
        skipped: () => reader.skipped(),
        close: () => reader.close(),
      }
    },
    find: (runId, wanted, within) => search.find(runId, wanted, { topic, ...within }),
  }
}

/** A stream is one partition, its sequence the offset. */
const PARTITION = 0
const LOOK_TIMEOUT_MS = 20_000

function streamLog({ nats, search }: { nats: NatsLink; search: CanarySearch }, { stream, subject }: SourceHop): HopLog {
  const filter = subjectFilter(subject)
  return {
    async state() {
      const end = await streamEnd(nats, stream)
      return { topicId: null, partitions: [{ partition: PARTITION, low: 0, end, stableEnd: end }] }
    },
    ends: async () => new Map([[PARTITION, await streamEnd(nats, stream)]]),
    isCompacted: () => Promise.resolve(false),
    committed: async (group) => new Map([[PARTITION, await consumerPosition(nats, stream, group)]]),
    read({ positions, reads, onBatch, onTrouble }) {
      if (!reads(PARTITION)) return { positions: () => new Map(), skipped: () => 0, close: () => Promise.resolve() }
      const reader = createNatsReader(nats, {
        stream,
        filter,
        offsetFirst: positions.get(PARTITION) ?? 1,
        onBatch: (records) => onBatch({ partition: PARTITION, records }),
        onTrouble,
      })
      return { positions: () => new Map([[PARTITION, reader.position()]]), skipped: () => 0, close: () => reader.close() }
    },
    async find(runId, wanted, { intervals, onUnreadable }) {
      const found: Located[] = []
      for (const { partition, offsetFirst, offsetLast } of lookRounds(intervals).flat()) {
        const onRecords = async (records: readonly ReadRecord[]) => {
          found.push(...(await search.locate(runId, wanted, { partition, records, onUnreadable })))
        }
        await lookAtStream(nats, { stream, filter, offsetFirst, offsetLast, timeoutMs: LOOK_TIMEOUT_MS, onRecords })
      }
      return found
    },
  }
}

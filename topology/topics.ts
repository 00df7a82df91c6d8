import { BODY_BYTES_MAX } from '../schemas/avro.ts'

/** One of Assay's own topics, as it is created or verified. */
export interface AssayTopic {
  readonly topic: string
  readonly partitions: number
  readonly retentionMs: number
  /** Further settings by Kafka's own names. */
  readonly configs: Readonly<Record<string, string>>
  readonly replicationFactor: number
  readonly why: string
}

export interface TopicNames {
  readonly control: string
  readonly results: string
}

export const topicNames: TopicNames = { control: 'assay.control', results: 'assay.results' }

/** A run can be judged again for as long as its facts are kept. */
export const RETENTION_MS = 7 * 24 * 60 * 60 * 1000
/** Its order is everybody's: every agent must decide alike which of two exclusive runs comes first. */
const CONTROL_PARTITIONS = 1
/** Changing it later moves runs between partitions and breaks their order in the middle of one. */
const RESULTS_PARTITIONS = 4
/**
 * Of one partition of the results topic; beyond it the oldest facts go before their time. A window that passes says some 120 facts
 * in 85 kB at most, one that fails up to 570 kB (tests/reports): the 10,080 windows of 7 days are 0.9 GB, and 5.8 GB if each of them
 * fails, with heartbeats of 0.1 GB. Four partitions of this size hold either.
 */
export const RESULTS_PARTITION_BYTES = 2 * 1024 ** 3
/** Frame, key, headers and the batch around a body. */
const ENVELOPE_BYTES_MAX = 16 * 1024

/** Two copies must have a fact before it counts as said, where there are that many. */
const minInsyncReplicas = (replicationFactor: number) => Math.min(2, Math.max(1, replicationFactor - 1))

export interface AssayTopicsOptions {
  /** 3 in production, 1 on a single broker. */
  readonly replicationFactor: number
  readonly names?: Partial<TopicNames>
}

export function assayTopics({ replicationFactor, names }: AssayTopicsOptions): readonly AssayTopic[] {
  if (!Number.isInteger(replicationFactor) || replicationFactor < 1)
    throw new RangeError(`replicationFactor: expected a positive integer, got ${replicationFactor}`)
  const { control, results } = { ...topicNames, ...names }
  const shared = { 'cleanup.policy': 'delete', 'min.insync.replicas': String(minInsyncReplicas(replicationFactor)) }
  return [
    {
      topic: control,
      partitions: CONTROL_PARTITIONS,
      retentionMs: RETENTION_MS,
      configs: shared,
      replicationFactor,
      why: 'Requests and cancellations. One partition, so that every agent sees them in the same order.',
    },
    {
      topic: results,
      partitions: RESULTS_PARTITIONS,
      retentionMs: RETENTION_MS,
      configs: {
        ...shared,
        'max.message.bytes': String(BODY_BYTES_MAX + ENVELOPE_BYTES_MAX),
        'retention.bytes': String(RESULTS_PARTITION_BYTES),
      },
      replicationFactor,
      why: 'Facts and verdicts, keyed by run id, so that the facts of a run are in order.',
    },
  ]
}

import type { OffsetRange } from '../../schemas/parts.ts'
import { AssayError } from '../core/errors.ts'
import { openAdmin } from './kafka-admin.ts'
import { createReader, type ReadRecord } from './kafka-reader.ts'
import type { KafkaLink } from './kafka.ts'

export interface SpansOptions {
  readonly topic: string
  /** One of each partition, all of it there. */
  readonly spans: readonly OffsetRange[]
  readonly timeoutMs: number
  readonly onRecords: (partition: number, records: readonly ReadRecord[]) => Promise<void>
}

const PROGRESS_INTERVAL_MS = 20

/** What of spans stands before the end of its partition. Throws PIPELINE_KAFKA_UNAVAILABLE where a partition or the beginning of a span is gone. */
export async function spansLeft(link: KafkaLink, topic: string, spans: readonly OffsetRange[]): Promise<OffsetRange[]> {
  const admin = openAdmin(link)
  try {
    const offsets = await admin.topicOffsets(topic)
    return spans.flatMap((span) => {
      const there = offsets.find(({ partition }) => partition === span.partition)
      if (there === undefined) throw new AssayError('PIPELINE_KAFKA_UNAVAILABLE', `topic ${topic} has no partition ${span.partition}`)
      if (there.low > span.offsetFirst)
        throw new AssayError(
          'PIPELINE_KAFKA_UNAVAILABLE',
          `${topic}/${span.partition} begins at ${there.low}: ${span.offsetFirst} was removed`,
        )
      const offsetLast = Math.min(span.offsetLast, there.high - 1)
      return offsetLast < span.offsetFirst ? [] : [{ ...span, offsetLast }]
    })
  } finally {
    await admin.close()
  }
}

/**
 * Reads a span of each of several partitions by one fresh consumer. What is behind a span is not handed over. Throws
 * PIPELINE_KAFKA_UNAVAILABLE when it does not come to the end in time, or retention was faster.
 */
export async function readSpans(link: KafkaLink, { topic, spans, timeoutMs, onRecords }: SpansOptions): Promise<void> {
  if (spans.length === 0) return
  const deadlineMs = performance.now() + timeoutMs
  const lastOf = new Map(spans.map(({ partition, offsetLast }) => [partition, offsetLast]))
  const trouble: { text: string; isFatal: boolean } = { text: '', isFatal: false }
  const reader = createReader(link, {
    topics: [{ topic, positions: new Map(spans.map(({ partition, offsetFirst }) => [partition, offsetFirst])) }],
    reads: (partition) => lastOf.has(partition),
    onBatch: ({ partition, records }) => {
      const last = lastOf.get(partition) ?? -1
      const within = records.filter(({ offset }) => offset <= last)
      return within.length === 0 ? undefined : onRecords(partition, within)
    },
    onTrouble: ({ kind, message }) => {
      trouble.text = `${kind}: ${message}`
      trouble.isFatal ||= kind === 'offsets-gone' || kind === 'behind'
    },
  })
  const isThere = ({ partition, offsetLast }: OffsetRange) => (reader.positions().get(topic)?.get(partition) ?? 0) > offsetLast
  try {
    while (!spans.every(isThere) && performance.now() < deadlineMs && !trouble.isFatal)
      await new Promise((resolve) => setTimeout(resolve, PROGRESS_INTERVAL_MS))
  } finally {
    await reader.close()
  }
  if (spans.every(isThere) && !trouble.isFatal) return
  throw new AssayError('PIPELINE_KAFKA_UNAVAILABLE', `topic ${topic} was not read to the end within ${timeoutMs} ms; ${trouble.text}`)
}

import type { ReadRecord } from './kafka-reader.ts'
import { createReader } from './kafka-reader.ts'
import { spansLeft } from './kafka-spans.ts'
import type { KafkaLink } from './kafka.ts'

export interface LookAgainOptions {
  readonly topic: string
  readonly partition: number
  readonly offsetFirst: number
  readonly offsetLast: number
  readonly timeoutMs: number
  readonly readUncommitted?: boolean
  readonly onRecords: (records: readonly ReadRecord[]) => void
}

/** `nextOffset` is how far the look got; it is complete when that is past `offsetLast` or past the end of the partition. */
export interface SecondLook {
  readonly complete: boolean
  readonly nextOffset: number
  readonly reason: string
}

const PROGRESS_INTERVAL_MS = 20

/** Reads an interval of one partition with a fresh consumer: the second source to be heard before accusing. Never rejects. */
export async function lookAgain(link: KafkaLink, options: LookAgainOptions): Promise<SecondLook> {
  const { topic, partition, offsetFirst, offsetLast } = options
  const deadlineMs = performance.now() + options.timeoutMs
  let end = offsetFirst
  try {
    for (const left of await spansLeft(link, topic, [{ partition, offsetFirst, offsetLast }])) end = left.offsetLast + 1
  } catch (error) {
    return { complete: false, nextOffset: offsetFirst, reason: error instanceof Error ? error.message : String(error) }
  }
  if (end <= offsetFirst) return { complete: true, nextOffset: offsetFirst, reason: 'the partition ends before' }
  return readUpTo({ link, options, end, deadlineMs })
}

async function readUpTo({
  link,
  options,
  end,
  deadlineMs,
}: {
  link: KafkaLink
  options: LookAgainOptions
  end: number
  deadlineMs: number
}): Promise<SecondLook> {
  const { topic, partition, offsetFirst, offsetLast } = options
  let trouble = ''
  const reader = createReader(link, {
    topics: [{ topic, positions: new Map([[partition, offsetFirst]]) }],
    reads: (other) => other === partition,
    readUncommitted: options.readUncommitted ?? false,
    onBatch: ({ records }) => {
      options.onRecords(records.filter(({ offset }) => offset <= offsetLast))
    },
    onTrouble: ({ kind, message }) => {
      trouble = `${kind}: ${message}`
    },
  })
  const next = () => reader.positions().get(topic)?.get(partition) ?? offsetFirst
  while (next() < end && performance.now() < deadlineMs) await new Promise((resolve) => setTimeout(resolve, PROGRESS_INTERVAL_MS))
  const nextOffset = next()
  await reader.close()
  return nextOffset >= end
    ? { complete: true, nextOffset, reason: '' }
    : {
        complete: false,
        nextOffset,
        reason: `only up to ${nextOffset} of ${end} within ${options.timeoutMs} ms${trouble === '' ? '' : `; ${trouble}`}`,
      }
}

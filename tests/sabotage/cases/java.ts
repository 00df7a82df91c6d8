import { silent, type SabotageCase } from '../case.ts'
import type { Flow, Outgoing } from '../flow.ts'
import { within } from '../pipeline.ts'
import { produceByJava, type JavaSend } from '../record-writer.ts'

const codecs = ['gzip', 'snappy', 'lz4', 'zstd'] as const

const codecOf = ({ stream }: Outgoing) => codecs[stream % codecs.length] as (typeof codecs)[number]

/** Each partition in a codec of its own; half of the streams idempotently, half in transactions. */
const sendsOf = (records: readonly Outgoing[]): JavaSend[] =>
  [...Map.groupBy(records, ({ stream }) => stream).values()].map((of): JavaSend => {
    const [first] = of as [Outgoing]
    const compression = codecOf(first)
    return first.stream < codecs.length ? { records: of, compression } : { records: of, compression, transaction: 'commit' }
  })

async function passByJava(flow: Flow, sends: readonly JavaSend[]): Promise<void> {
  const placed = await produceByJava(flow, sends)
  await flow.normaliserDone()
  await flow.sinkFaithfully(placed.filter((_, at) => sends[at]?.transaction !== 'abort').flat())
}

/** Written by Kafka's own Java client, as most pipelines are. It is a program that takes its time to start. */
export const javaCases: readonly SabotageCase[] = [
  {
    name: 'records by the Java client in gzip, snappy, lz4 and zstd, idempotent and in transactions',
    kind: 'innocent',
    of: 'topic',
    deliverWithinMs: within(5),
    async act(flow) {
      await passByJava(flow, sendsOf(flow.records))
      return silent
    },
  },
  {
    name: 'a transaction of the Java client aborted and tried again',
    kind: 'innocent',
    of: 'topic',
    deliverWithinMs: within(5),
    async act(flow) {
      await passByJava(flow, [{ records: flow.some(20), compression: 'zstd', transaction: 'abort' }, ...sendsOf(flow.records)])
      return silent
    },
  },
  {
    name: 'records written in a transaction of the Java client that was aborted',
    kind: 'defect',
    of: 'topic',
    deliverWithinMs: within(5),
    async act(flow) {
      const canaries = flow.some(6)
      const others = flow.records.filter((record) => !canaries.includes(record))
      await passByJava(flow, [{ records: canaries, compression: 'lz4', transaction: 'abort' }, ...sendsOf(others)])
      return { expected: [{ violation: 'lost', at: 'topic', canaries }] }
    },
  },
]

import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { z } from 'zod'
import type { Flow, Outgoing, Placed } from './flow.ts'

/** The source of a program that sends records by Kafka's own Java client. */
export const RECORD_WRITER = join(import.meta.dirname, 'RecordWriter.java')

export interface JavaSend {
  readonly records: readonly Outgoing[]
  readonly compression?: 'gzip' | 'snappy' | 'lz4' | 'zstd'
  /** Sent in a transaction that ends so; left out: idempotently. */
  readonly transaction?: 'commit' | 'abort'
}

const PARTITIONS = 4
const TIMEOUT_MS = 30_000
const answerShape = z.array(z.array(z.int()))

/** One behind the other, each by a producer of its own. */
export async function produceByJava({ pipeline }: Flow, sends: readonly JavaSend[]): Promise<Placed[][]> {
  const { names, encode, environment } = pipeline
  const wishes = sends.map(({ records, compression, transaction }, at) => ({
    topic: names.topic,
    compression: compression ?? 'none',
    ...(transaction === undefined ? {} : { transaction, transactionalId: `${names.topic}-java-${at}` }),
    records: records.map(({ key, trade, headers, stream }) => ({
      partition: stream % PARTITIONS,
      key,
      value: encode(trade).toString('base64'),
      headers,
    })),
  }))
  const offsets = answerShape.parse(await run([pipeline.recordClassPath, environment['PIPELINE_KAFKA_BOOTSTRAP'] ?? ''], wishes))
  return sends.map(({ records }, at) =>
    records.map((record, index) => ({
      ...record,
      partition: record.stream % PARTITIONS,
      offset: offsets[at]?.[index] as number,
    })),
  )
}

/** Its answer is the last line it writes; libraries may have said something before. */
function run([classPath, bootstrap]: readonly [string, string], wishes: readonly object[]): Promise<unknown> {
  const args = ['-Xmx128m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-cp', classPath, 'RecordWriter', bootstrap]
  return new Promise((resolve, reject) => {
    const child = execFile('java', args, { timeout: TIMEOUT_MS, maxBuffer: 16 * 1024 * 1024 }, (error, stdout) => {
      if (error === null) resolve(JSON.parse(stdout.trim().split('\n').at(-1) ?? ''))
      else reject(new Error('the record writer failed', { cause: error }))
    })
    child.stdin?.end(JSON.stringify(wishes))
  })
}

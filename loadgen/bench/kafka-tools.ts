import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'

/** Kafka's own benchmarks, as programs of the distribution that the broker comes from. */
export interface KafkaTools {
  readonly jarFolder: string
  readonly bootstrap: string
}

const run = promisify(execFile)
const OUTPUT_BYTES_MAX = 16 * 1024 * 1024
const BYTES_PER_MIB = 1024 * 1024

/** ConsumerPerformance over a topic that holds at least so many records. */
export async function consumerPerformance(
  tools: KafkaTools,
  { topic, records }: { topic: string; records: number },
): Promise<{ recordsPerSecond: number; recordBytes: number }> {
  const said = await java(tools, 'ConsumerPerformance', [
    ...['--bootstrap-server', tools.bootstrap, '--topic', topic, '--num-records', String(records)],
  ])
  const [, , mebibytes, , readRecords, recordsPerSecond] = (said.trimEnd().split('\n').at(-1) ?? '').split(', ').map(Number)
  if (mebibytes === undefined || readRecords === undefined || !(Number(recordsPerSecond) > 0))
    throw new Error(`ConsumerPerformance: expected figures in the last line, got ${said}`)
  return { recordsPerSecond: Number(recordsPerSecond), recordBytes: (mebibytes * BYTES_PER_MIB) / readRecords }
}

/** ProducerPerformance as fast as it goes, acknowledged by all replicas. */
export async function producerPerformance(
  tools: KafkaTools,
  { topic, records, recordBytes }: { topic: string; records: number; recordBytes: number },
): Promise<{ recordsPerSecond: number }> {
  const said = await java(tools, 'ProducerPerformance', [
    ...['--topic', topic, '--num-records', String(records), '--record-size', String(Math.round(recordBytes)), '--throughput', '-1'],
    ...['--producer-props', `bootstrap.servers=${tools.bootstrap}`, 'acks=all'],
  ])
  const recordsPerSecond = Number(/, ([\d.]+) records\/sec/.exec(said.trimEnd().split('\n').at(-1) ?? '')?.[1])
  if (!(recordsPerSecond > 0)) throw new Error(`ProducerPerformance: expected a rate in the last line, got ${said}`)
  return { recordsPerSecond }
}

async function java({ jarFolder }: KafkaTools, tool: string, args: readonly string[]): Promise<string> {
  const { stdout } = await run('java', ['-cp', join(jarFolder, '*'), `org.apache.kafka.tools.${tool}`, ...args], {
    maxBuffer: OUTPUT_BYTES_MAX,
  })
  return stdout
}

import pMap from 'p-map'
import type { Located, OffsetRange } from '../../schemas/parts.ts'
import { AssayError } from '../core/errors.ts'
import { canaryIdOf, canaryOfTrace } from '../core/identity.ts'
import type { ReadRecord } from './kafka-reader.ts'
import { readSpans, spansLeft } from './kafka-spans.ts'
import type { KafkaLink } from './kafka.ts'
import { lookRounds } from './look-rounds.ts'
import { framedSchemaId, recordReader, type RecordReader } from './record-codec.ts'
import type { Registry } from './registry.ts'

export interface SearchIn {
  readonly topic: string
  readonly intervals: readonly OffsetRange[]
  /** Told of records that nobody can read, and whose trace is that of a wanted canary. */
  readonly onUnreadable?: ((record: UnreadableRecord) => void) | undefined
}

export interface UnreadableRecord extends Located {
  readonly reason: string
}

export interface CanarySearch {
  /** The reader of a schema id, fetched once. */
  codecOf(schemaId: number): Promise<RecordReader>
  /** Where the wanted canaries of a run (`stream/seq`) stand in intervals, by a fresh consumer. Throws when they could not be read to their ends. */
  find(runId: string, wanted: ReadonlySet<string>, within: SearchIn): Promise<Located[]>
  /** The same in records that were read already. */
  locate(
    runId: string,
    wanted: ReadonlySet<string>,
    read: { partition: number; records: readonly ReadRecord[]; onUnreadable?: SearchIn['onUnreadable'] },
  ): Promise<Located[]>
}

/** The record itself is at fault, not we, and not the registry: to ask again would change nothing. */
export const isUnreadable = (error: unknown): error is AssayError =>
  error instanceof AssayError && (error.code === 'SCHEMA_UNKNOWN' || error.code === 'INPUT_INVALID')

const LOOK_TIMEOUT_MS = 20_000
/** Each round is a consumer of its own, which takes longer to join its group than to read. */
const ROUNDS_AT_ONCE = { concurrency: 4 }

export function createCanarySearch({
  kafka,
  registry,
  identityField,
}: {
  kafka: KafkaLink
  registry: Pick<Registry, 'schemaById'>
  identityField: string
}): CanarySearch {
  const codecs = new Map<number, Promise<RecordReader>>()
  const codecOf = (schemaId: number): Promise<RecordReader> => {
    let codec = codecs.get(schemaId)
    if (codec === undefined) {
      codec = registry.schemaById(schemaId).then((schema) => recordReader(schemaId, JSON.stringify(schema)))
      codecs.set(schemaId, codec)
      codec.catch(() => codecs.delete(schemaId))
    }
    return codec
  }
  const identityOf = async (value: Buffer): Promise<unknown> => {
    const schemaId = framedSchemaId(value)
    if (schemaId === null) throw new AssayError('SCHEMA_UNKNOWN', `${value.length} bytes that are in no Confluent framing`)
    const codec = await codecOf(schemaId)
    const opaque = codec.opaque.get(identityField)
    if (opaque === undefined) return codec.decode(value)[identityField]
    throw new AssayError('SCHEMA_UNKNOWN', `by schema ${schemaId}, ${identityField} is of Avro type ${opaque}, which is no identity`)
  }
  const locate: CanarySearch['locate'] = async (runId, wanted, { partition, records, onUnreadable }) => {
    const found: Located[] = []
    for (const { offset, value, headers } of records) {
      if (value === null) continue
      try {
        const id = canaryIdOf(await identityOf(value))
        if (id === null || id.runId !== runId || !wanted.has(`${id.stream}/${id.seq}`)) continue
        found.push({ stream: id.stream, seq: id.seq, partition, offset })
      } catch (error) {
        if (!isUnreadable(error)) throw error
        const id = canaryOfTrace(runId, headers['traceparent']?.toString().split('-')[1] ?? '')
        if (id !== null && wanted.has(`${id.stream}/${id.seq}`))
          onUnreadable?.({ stream: id.stream, seq: id.seq, partition, offset, reason: error.message })
      }
    }
    return found
  }
  return {
    codecOf,
    locate,
    async find(runId, wanted, { topic, intervals, onUnreadable }) {
      const rounds = lookRounds(await spansLeft(kafka, topic, intervals))
      const inRound = async (spans: readonly OffsetRange[]) => {
        const found: Located[] = []
        const onRecords = async (partition: number, records: readonly ReadRecord[]) => {
          found.push(...(await locate(runId, wanted, { partition, records, onUnreadable })))
        }
        await readSpans(kafka, { topic, spans, timeoutMs: LOOK_TIMEOUT_MS, onRecords })
        return found
      }
      return (await pMap(rounds, inRound, ROUNDS_AT_ONCE)).flat()
    },
  }
}

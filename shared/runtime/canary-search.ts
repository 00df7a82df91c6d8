import type { Located } from '../../schemas/parts.ts'
import { canaryIdOf } from '../core/identity.ts'
import { lookAgain } from './kafka-look-again.ts'
import type { ReadRecord } from './kafka-reader.ts'
import type { KafkaLink } from './kafka.ts'
import { framedSchemaId, recordCodec, type RecordCodec } from './record-codec.ts'
import type { Registry } from './registry.ts'

export interface SearchInterval {
  readonly topic: string
  readonly partition: number
  readonly offsetFirst: number
  readonly offsetLast: number
}

export interface CanarySearch {
  /** The codec of a schema id, fetched once. */
  codecOf(schemaId: number): Promise<RecordCodec>
  /** Where the wanted canaries of a run (`stream/seq`) stand in an interval, by a fresh consumer. Throws when it could not be read to its end. */
  find(runId: string, wanted: ReadonlySet<string>, interval: SearchInterval): Promise<Located[]>
  /** The same in records that were read already. */
  locate(runId: string, wanted: ReadonlySet<string>, read: { partition: number; records: readonly ReadRecord[] }): Promise<Located[]>
}

const LOOK_TIMEOUT_MS = 20_000

export function createCanarySearch({
  kafka,
  registry,
  identityField,
}: {
  kafka: KafkaLink
  registry: Registry
  identityField: string
}): CanarySearch {
  const codecs = new Map<number, Promise<RecordCodec>>()
  const codecOf = (schemaId: number): Promise<RecordCodec> => {
    let codec = codecs.get(schemaId)
    if (codec === undefined) {
      codec = registry.schemaById(schemaId).then((schema) => recordCodec(schemaId, JSON.stringify(schema)))
      codecs.set(schemaId, codec)
      codec.catch(() => codecs.delete(schemaId))
    }
    return codec
  }
  const locate: CanarySearch['locate'] = async (runId, wanted, { partition, records }) => {
    const found: Located[] = []
    for (const { offset, value } of records) {
      const schemaId = framedSchemaId(value)
      if (schemaId === null || value === null) continue
      const record = (await codecOf(schemaId)).decode(value)
      const id = canaryIdOf(record[identityField])
      if (id === null || id.runId !== runId || !wanted.has(`${id.stream}/${id.seq}`)) continue
      found.push({ stream: id.stream, seq: id.seq, partition, offset })
    }
    return found
  }
  return {
    codecOf,
    locate,
    async find(runId, wanted, interval) {
      const records: ReadRecord[] = []
      const look = await lookAgain(kafka, { ...interval, timeoutMs: LOOK_TIMEOUT_MS, onRecords: (more) => records.push(...more) })
      if (!look.complete) throw new Error(`${interval.topic} partition ${interval.partition}: ${look.reason}`)
      return locate(runId, wanted, { partition: interval.partition, records })
    },
  }
}

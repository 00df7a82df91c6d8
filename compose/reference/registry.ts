import { readFileSync } from 'node:fs'
import { COMPATIBILITY, SchemaRegistry, SchemaType } from '@kafkajs/confluent-schema-registry'
import { createReader, encodeFramed, framedSchemaId, isAvroType, parseSchema, typeOptions } from './avro.ts'
import type { AvroReader, AvroType } from './avro.ts'
import { PipelineError } from './errors.ts'

/** The schema registry: the only place that knows its client. */
export class Registry {
  private readonly client: SchemaRegistry
  constructor(host: string) {
    this.client = new SchemaRegistry({ host: host.replace(/\/$/, '') }, { [SchemaType.AVRO]: typeOptions })
  }

  /** Under BACKWARD compatibility. Registering the same schema again gives the same id. */
  async register(subject: string, schemaText: string): Promise<number> {
    const schema = { type: SchemaType.AVRO, schema: schemaText } as const
    return (await asked(`register ${subject}`, this.client.register(schema, { subject, compatibility: COMPATIBILITY.BACKWARD }))).id
  }

  /** A record type of the client's own making, with this pipeline's logical types. */
  async typeById(id: number): Promise<AvroType> {
    const type: unknown = await asked(`schema ${id}`, this.client.getSchema(id))
    if (isAvroType(type)) return type
    throw new PipelineError('REGISTRY_REFUSED', `schema ${id}: expected Avro`)
  }
}

async function asked<Answer>(what: string, answer: Promise<Answer>): Promise<Answer> {
  try {
    return await answer
  } catch (cause) {
    const status = cause instanceof Error && 'status' in cause ? Number(cause.status) : Number.NaN
    // The client says 400 where nobody answered.
    const code = status > 400 && status < 500 ? 'REGISTRY_REFUSED' : 'REGISTRY_UNAVAILABLE'
    throw new PipelineError(code, `${what}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
  }
}

export type SchemaName = 'RawTrade' | 'NormalisedTrade'

export function schemaText(name: SchemaName): string {
  return readFileSync(new URL(`./schemas/${name}.avsc`, import.meta.url), 'utf8')
}

export function subjectOf(topic: string): string {
  return `${topic}-value`
}

/** Writes records of one schema, registered under the topic's subject. */
export async function createEncoder(registry: Registry, topic: string, name: SchemaName): Promise<(value: object) => Buffer> {
  const type = parseSchema(schemaText(name))
  const schemaId = await registry.register(subjectOf(topic), schemaText(name))
  return (value) => encodeFramed(type, schemaId, value)
}

/** Reads records whatever version they were written with, asking the registry once per schema id. */
export class Decoder {
  private readonly registry: Registry
  private readonly readerType: AvroType
  private readonly readers = new Map<number, AvroReader>()
  /** Ids the registry does not know, so that a flood of bad records does not become a flood of requests. */
  private readonly unknownIds = new Set<number>()

  constructor(registry: Registry, name: SchemaName) {
    this.registry = registry
    this.readerType = parseSchema(schemaText(name))
  }

  /** Call before `decode` for each batch. Throws when the registry is down: that is no fault of the record. */
  async learn(values: Iterable<Buffer | null>): Promise<void> {
    for (const value of values) {
      const id = idOrUndefined(value)
      if (id === undefined || this.readers.has(id) || this.unknownIds.has(id)) continue
      try {
        this.readers.set(id, createReader(await this.registry.typeById(id), this.readerType))
      } catch (error) {
        if (error instanceof PipelineError && error.retryable) throw error
        if (this.unknownIds.size >= UNKNOWN_IDS_MAX) this.unknownIds.clear()
        this.unknownIds.add(id)
      }
    }
  }

  decode(value: Buffer | null): unknown {
    const id = framedSchemaId(value)
    const read = this.readers.get(id)
    if (read === undefined || value === null) {
      throw new PipelineError('RECORD_UNDECODABLE', `value: schema id ${id} is not a readable version of ${String(this.readerType.name)}`)
    }
    return read(value)
  }
}

const UNKNOWN_IDS_MAX = 1_000

function idOrUndefined(value: Buffer | null): number | undefined {
  try {
    return framedSchemaId(value)
  } catch (error) {
    // `decode` meets the same record and reports it with its reason.
    if (error instanceof PipelineError) return undefined
    throw error
  }
}

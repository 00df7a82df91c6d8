import { readFileSync } from 'node:fs'
import { createReader, encodeFramed, framedSchemaId, parseSchema } from './avro.ts'
import type { AvroReader, AvroType } from './avro.ts'
import { z } from './config.ts'
import { PipelineError } from './errors.ts'

const REQUEST_TIMEOUT_MS = 5_000
const ERROR_BODY_CHARS_MAX = 500
const CONTENT_TYPE = 'application/vnd.schemaregistry.v1+json'

const registeredAnswer = z.object({ id: z.int().nonnegative() })
const schemaAnswer = z.object({ schema: z.string() })

/** The Confluent API of the schema registry. */
export class Registry {
  private readonly baseUrl: string
  constructor(baseUrl: string) {
    this.baseUrl = baseUrl.replace(/\/$/, '')
  }

  /** Registering the same schema again gives the same id. */
  async register(subject: string, schemaText: string): Promise<number> {
    const answer = await this.request('POST', `/subjects/${encodeURIComponent(subject)}/versions`, { schema: schemaText })
    return registeredAnswer.parse(answer).id
  }

  async setCompatibility(subject: string, compatibility: 'BACKWARD'): Promise<void> {
    await this.request('PUT', `/config/${encodeURIComponent(subject)}`, { compatibility })
  }

  async schemaById(id: number): Promise<string> {
    return schemaAnswer.parse(await this.request('GET', `/schemas/ids/${id}`)).schema
  }

  private async request(method: string, path: string, body?: object): Promise<unknown> {
    const url = this.baseUrl + path
    const init: RequestInit = { method, headers: { accept: CONTENT_TYPE, 'content-type': CONTENT_TYPE } }
    if (body !== undefined) init.body = JSON.stringify(body)
    let response: Response
    try {
      response = await fetch(url, { ...init, signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS) })
    } catch (cause) {
      throw new PipelineError('REGISTRY_UNAVAILABLE', `${method} ${url}: no answer`, { cause })
    }
    if (response.ok) return response.json()
    const code = response.status >= 500 ? 'REGISTRY_UNAVAILABLE' : 'REGISTRY_REFUSED'
    const told = (await response.text()).slice(0, ERROR_BODY_CHARS_MAX)
    throw new PipelineError(code, `${method} ${url}: expected 2xx, found ${response.status}: ${told}`)
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
        this.readers.set(id, createReader(parseSchema(await this.registry.schemaById(id)), this.readerType))
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

import { AssayError } from '../core/errors.ts'
import type { ErrorCode } from '../core/errors.ts'

export interface Registry {
  /** Registers under BACKWARD compatibility, or finds it registered; gives its id. */
  register(subject: string, schema: unknown): Promise<number>
  /** The Avro schema of an id as a plain object: the same object each time. */
  schemaById(id: number): Promise<object>
  /** The newest schema of the subject, in the text it was registered with: some registries find it again by that alone. */
  latest(subject: string): Promise<{ readonly id: number; readonly text: string }>
  /** The id of a schema that the subject has, given in the registry's own text. Throws SCHEMA_UNKNOWN where it has it not. */
  idOf(subject: string, text: string): Promise<number>
}

const REQUEST_TIMEOUT_MS = 5_000
const SCHEMAS_MAX = 1_000
const EXCERPT_LENGTH_MAX = 300

/**
 * The Confluent API, spoken directly: `@kafkajs/confluent-schema-registry` refuses schemas without a name, which a
 * union is, and keeps only compiled types, which have lost the logical types (decimals, timestamps) readers need.
 */
export function createRegistry(url: string): Registry {
  const byId = new Map<number, object>()
  return {
    async register(subject, schema) {
      const path = encodeURIComponent(subject)
      const registered = await ask(`${url}/subjects/${path}/versions`, { method: 'POST', body: { schema: JSON.stringify(schema) } })
      const id = idIn(registered, `register ${subject}`)
      // Afterwards, for some registries know no settings of a subject that is not there yet.
      await ask(`${url}/config/${path}`, { method: 'PUT', body: { compatibility: 'BACKWARD' } })
      return id
    },
    async schemaById(id) {
      const known = byId.get(id)
      if (known !== undefined) return known
      const schema = parseSchema(await ask(`${url}/schemas/ids/${id}`))
      if (byId.size >= SCHEMAS_MAX) byId.clear()
      byId.set(id, schema)
      return schema
    },
    async latest(subject) {
      const answer = await ask(`${url}/subjects/${encodeURIComponent(subject)}/versions/latest`)
      const id = idIn(answer, `latest schema of ${subject}`)
      byId.set(id, byId.get(id) ?? parseSchema(answer))
      return { id, text: String(field(answer, 'schema')) }
    },
    async idOf(subject, text) {
      try {
        const answer = await ask(`${url}/subjects/${encodeURIComponent(subject)}`, { method: 'POST', body: { schema: text } })
        return idIn(answer, `look up a schema of ${subject}`)
      } catch (cause) {
        if (!(cause instanceof AssayError) || cause.code !== 'SCHEMA_UNKNOWN') throw cause
        throw new AssayError('SCHEMA_UNKNOWN', `subject ${subject} does not have this schema, or no longer: ${text.slice(0, 100)}`, {
          cause,
        })
      }
    },
  }
}

interface Question {
  readonly method: 'GET' | 'POST' | 'PUT'
  readonly body?: object
}

async function ask(url: string, { method, body }: Question = { method: 'GET' }): Promise<unknown> {
  const doing = `${method} ${url}`
  let response: Response
  let text: string
  try {
    response = await fetch(url, {
      method,
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' } }),
    })
    text = await response.text()
    if (response.ok) return JSON.parse(text)
  } catch (cause) {
    throw new AssayError('REGISTRY_UNAVAILABLE', `${doing}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
  }
  throw new AssayError(
    codeOf(response.status),
    `${doing}: expected status 200, got ${response.status}: ${text.slice(0, EXCERPT_LENGTH_MAX)}`,
  )
}

function idIn(answer: unknown, doing: string): number {
  const id = field(answer, 'id')
  if (typeof id !== 'number') throw new AssayError('REGISTRY_UNAVAILABLE', `${doing}: expected a numeric id, got ${String(id)}`)
  return id
}

function codeOf(status: number): ErrorCode {
  if (status === 404) return 'SCHEMA_UNKNOWN'
  // 409 and 422: another, incompatible schema stands there, or it is none. Asking again does not help.
  return status === 409 || status === 422 ? 'INPUT_INVALID' : 'REGISTRY_UNAVAILABLE'
}

function parseSchema(answer: unknown): object {
  const text = field(answer, 'schema')
  if (typeof text !== 'string')
    throw new AssayError('REGISTRY_UNAVAILABLE', `expected an answer with a schema as text, got ${JSON.stringify(answer).slice(0, 100)}`)
  try {
    const schema: unknown = JSON.parse(text)
    if (typeof schema === 'object' && schema !== null) return schema
    // A schema may be the bare name of a type.
    return { type: schema }
  } catch (cause) {
    // Protobuf, for one: it will be the same however often it is asked for.
    throw new AssayError('INPUT_INVALID', `expected an Avro schema, got ${text.slice(0, 100)}`, { cause })
  }
}

const field = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined

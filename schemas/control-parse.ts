import { decodeControl } from './avro.ts'
import { kindOf } from './avro-schema.ts'
import { ContractError } from './contract-error.ts'
import { controlMessages, type ControlMessage } from './control.ts'
import { jsonStructureOf } from './json-structure.ts'
import { didYouMean, printable, problemsOf, shown } from './problems.ts'

/** A control message comes from anybody's hands, so whatever it is, the answer is a message or the reasons why not. */
export type ControlParse =
  | { readonly ok: true; readonly message: ControlMessage }
  | { readonly ok: false; readonly problems: readonly string[]; readonly excerpt: string }

/** Four plans of the largest size; what is larger is not even parsed. */
export const CONTROL_BYTES_MAX = 256 * 1024
export const NESTING_MAX = 32
export const EXCERPT_LENGTH_MAX = 200
const FRAME_BYTES = 5

/** The registry id of a Confluent-framed value; null for any other. For the shell, which fetches the schema first. */
export function schemaIdOf(value: Uint8Array | null): number | null {
  if (value === null || value.length < FRAME_BYTES || value[0] !== 0) return null
  return new DataView(value.buffer, value.byteOffset, value.byteLength).getInt32(1)
}

/**
 * Reads one control message: JSON text, or Confluent-framed Avro when the first byte is 0.
 *
 * `avroSchemaOf` gives the writer's schema by registry id, undefined when it is not known. Without it the body is
 * read as this version's own schema.
 */
export function parseControl(value: Uint8Array | null, avroSchemaOf?: (schemaId: number) => unknown): ControlParse {
  if (value === null) return refused(['message: expected JSON or Avro, got no value (a tombstone)'], '')
  const excerpt = excerptOf(value)
  if (value.length > CONTROL_BYTES_MAX)
    return refused([`message: expected at most ${CONTROL_BYTES_MAX} bytes, got ${value.length}`], excerpt)
  try {
    const message = value[0] === 0 ? readAvro(value, avroSchemaOf) : readJson(value)
    return { ok: true, message }
  } catch (error) {
    if (error instanceof ContractError) return refused(error.problems, excerpt)
    throw error
  }
}

const refused = (problems: readonly string[], excerpt: string): ControlParse => ({ ok: false, problems, excerpt })
const unreadable = (problem: string, cause?: unknown) => new ContractError('unreadable', [problem], { cause })

function readAvro(value: Uint8Array, avroSchemaOf: ((schemaId: number) => unknown) | undefined): ControlMessage {
  const schemaId = schemaIdOf(value)
  if (schemaId === null)
    throw unreadable(`message: expected a Confluent frame (0, four bytes of schema id, body), got ${value.length} bytes`)
  const writerSchema = avroSchemaOf?.(schemaId)
  if (avroSchemaOf !== undefined && writerSchema === undefined)
    throw unreadable(`message: expected a schema id the registry knows, got ${schemaId}`)
  return decodeControl(value.subarray(FRAME_BYTES), writerSchema)
}

function readJson(value: Uint8Array): ControlMessage {
  const text = textOf(value).trim()
  if (text === '') throw unreadable('message: expected a JSON object, got an empty text')
  const json = jsonOf(text)
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw unreadable(`message: expected a JSON object, got ${shown(json)}`)
  const { depth, doubledNames } = jsonStructureOf(text)
  if (depth > NESTING_MAX) throw unreadable(`message: expected at most ${NESTING_MAX} levels of nesting, got ${depth}`)
  if (doubledNames.length > 0)
    throw new ContractError(
      'unreadable',
      doubledNames.map((name) => `${shown(name)}: expected each field once, got it again`),
    )
  return messageOf(json)
}

function textOf(value: Uint8Array): string {
  const [first = 0x20] = value
  const isControlCode = first < 0x20 && !'\t\n\r'.includes(String.fromCharCode(first))
  if (isControlCode) throw unreadable(`message: expected JSON text or a Confluent frame (first byte 0), got first byte ${first}`)
  try {
    // Drops a byte order mark.
    return new TextDecoder('utf-8', { fatal: true }).decode(value)
  } catch (cause) {
    throw unreadable('message: expected UTF-8, got bytes that are not', cause)
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw unreadable(
      `message: expected JSON, got text that is none: ${printable(cause instanceof Error ? cause.message : String(cause))}`,
      cause,
    )
  }
}

const kinds = controlMessages.map(kindOf)

function messageOf(json: object): ControlMessage {
  const kind = 'kind' in json ? json.kind : undefined
  const schema = controlMessages.find((message) => kindOf(message) === kind)
  if (schema === undefined) {
    const hint = typeof kind === 'string' ? didYouMean(kind, kinds) : kind === undefined ? kindHint(Object.keys(json)) : ''
    throw unreadable(`kind: expected one of ${kinds.join(', ')}${hint}, got ${shown(kind)}`)
  }
  const parsed = schema.safeParse(json, { reportInput: true })
  if (parsed.success) return parsed.data
  const fields = Object.keys(schema.shape)
  throw new ContractError(
    'unreadable',
    problemsOf(parsed.error, (path) => (path.length === 0 ? fields : [])),
    { cause: parsed.error },
  )
}

/** Somebody may have misspelt the word `kind` itself. */
const kindHint = (fields: readonly string[]) =>
  fields.map((field) => (didYouMean(field, ['kind']) === '' ? '' : ` (is ${shown(field)} meant for it?)`)).join('')

/** The start of the value, printable, one line. */
function excerptOf(value: Uint8Array): string {
  // A character takes at most four bytes; only what is shown is decoded.
  const text = new TextDecoder('utf-8').decode(value.subarray(0, EXCERPT_LENGTH_MAX * 4))
  return printable(text.trim()).slice(0, EXCERPT_LENGTH_MAX)
}

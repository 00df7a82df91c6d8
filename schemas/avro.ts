import avro from 'avsc'
import type { z } from 'zod'
import { avroUnionOf, kindOf, type AvroRecord, type MessageSchema } from './avro-schema.ts'
import { ContractError } from './contract-error.ts'
import { controlMessages, type ControlMessage } from './control.ts'
import { problemsOf } from './problems.ts'
import { resultMessages, type ResultMessage } from './results.ts'

/**
 * The contract's door to Avro. A body is what follows the Confluent frame: the index of the record in the topic's
 * union, then the record. Longs are integers of -2^52 to 2^53 - 2: one beyond that is an error, never rounded.
 */
export const resultsAvroSchema: readonly AvroRecord[] = avroUnionOf(resultMessages, 'dev.assay.results')
export const controlAvroSchema: readonly AvroRecord[] = avroUnionOf(controlMessages, 'dev.assay.control')

/** The results topic takes messages of this size (topology/topics.ts); a fact that needs more must be stated as two. */
export const BODY_BYTES_MAX = 4 * 1024 * 1024
const SCRATCH_BYTES = 64 * 1024
/** A larger index of the union is no newer writer's, but bytes that are no message. */
const KINDS_MAX = 64

export const encodeResult = (message: ResultMessage): Buffer => results.encode(message)
/** `writerSchema`: the schema the writer registered, as a plain object; left out, it is this version's own. */
export const decodeResult = (body: Uint8Array, writerSchema?: unknown): ResultMessage => results.decode(body, writerSchema)
export const encodeControl = (message: ControlMessage): Buffer => control.encode(message)
export const decodeControl = (body: Uint8Array, writerSchema?: unknown): ControlMessage => control.decode(body, writerSchema)

interface Branch {
  readonly kind: string
  readonly type: avro.Type
  readonly parse: (value: unknown) => z.ZodSafeParseResult<unknown>
}

/** How one record of a writer's union is read. No `kind`: a record this version does not know. */
interface Reading {
  readonly name: string
  readonly type: avro.Type
  readonly resolver: object | null
  readonly kind: string | null
}

type MessageOf<Messages extends readonly MessageSchema[]> = z.infer<Messages[number]>

/**
 * Reads and writes the union branch by branch rather than by a resolver for the whole of it, which would refuse all
 * records of a newer writer because of one kind it has added.
 */
class Codec<const Messages extends readonly MessageSchema[]> {
  readonly #branches: readonly Branch[]
  readonly #indexOfKind: ReadonlyMap<string, number>
  readonly #own: readonly Reading[]
  /** By identity: whoever caches schemas by registry id hands over the same object each time. */
  readonly #readings = new WeakMap<object, readonly Reading[]>()
  #scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES)

  constructor(messages: Messages, schema: readonly AvroRecord[]) {
    this.#branches = messages.map((message, index) => ({
      kind: kindOf(message),
      type: avroType(schema[index]),
      parse: (value) => message.safeParse(value, { reportInput: true }),
    }))
    this.#indexOfKind = new Map(this.#branches.map(({ kind }, index) => [kind, index]))
    this.#own = this.#branches.map(({ kind, type }) => ({ name: type.name ?? kind, type, resolver: null, kind }))
  }

  encode(message: MessageOf<Messages>): Buffer {
    const index = this.#indexOfKind.get(message.kind)
    const branch = index === undefined ? undefined : this.#branches[index]
    if (index === undefined || branch === undefined)
      throw new ContractError('not-writable', [`kind: ${message.kind} is none of this topic`])
    const start = unionIndex.encode(index, this.#scratch, 0)
    try {
      let end = branch.type.encode(message, this.#scratch, start)
      if (end < 0) {
        // avsc gives the missing bytes as a negative number.
        const neededBytes = this.#scratch.length - end
        if (neededBytes > BODY_BYTES_MAX)
          throw new ContractError('not-writable', [`${branch.kind}: ${neededBytes} bytes, at most ${BODY_BYTES_MAX}`])
        this.#scratch = Buffer.allocUnsafeSlow(neededBytes)
        unionIndex.encode(index, this.#scratch, 0)
        end = branch.type.encode(message, this.#scratch, start)
      }
      return Buffer.from(this.#scratch.subarray(0, end))
    } catch (cause) {
      if (cause instanceof ContractError) throw cause
      throw new ContractError('not-writable', writeProblems(branch, message), { cause })
    }
  }

  decode(body: Uint8Array, writerSchema?: unknown): MessageOf<Messages> {
    const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength)
    const readings = writerSchema === undefined ? this.#own : this.#readingsOf(writerSchema)
    // Who sends one kind of message alone registers its record, not the union: then no index stands before it.
    const isAlone = writerSchema !== undefined && !Array.isArray(writerSchema)
    const { value: index, offset: start } = isAlone
      ? { value: 0, offset: 0 }
      : decodeAvro({ type: unionIndex, bytes, at: 0, what: 'the kind' })
    const reading = readings[Number(index)]
    if (reading === undefined) {
      // With the writer's schema at hand the index is wrong; without it, the writer may know more kinds than we do.
      const problem = writerSchema === undefined && Number(index) > 0 && Number(index) < KINDS_MAX ? 'unknown-kind' : 'unreadable'
      throw new ContractError(problem, [`kind: number ${String(index)} of the union, which has ${readings.length}`])
    }
    const { kind, type, resolver, name } = reading
    if (kind === null) throw new ContractError('unknown-kind', [`kind: ${name} is not known to this version`])
    const { value, offset: end } = decodeAvro({ type, bytes, at: start, what: kind, resolver })
    if (end !== bytes.length) throw new ContractError('unreadable', [`${kind}: ${bytes.length - end} bytes too many after the record`])
    return this.#parsed(kind, value)
  }

  #parsed(kind: string, value: unknown): MessageOf<Messages> {
    const branch = this.#branches[this.#indexOfKind.get(kind) ?? -1]
    if (branch === undefined || typeof value !== 'object') throw new ContractError('unknown-kind', [`kind: ${kind}`])
    const parsed = branch.parse(Object.assign({ kind }, value))
    if (!parsed.success) throw new ContractError('unreadable', problemsOf(parsed.error), { cause: parsed.error })
    return parsed.data as MessageOf<Messages>
  }

  #readingsOf(writerSchema: unknown): readonly Reading[] {
    if (typeof writerSchema !== 'object' || writerSchema === null) {
      throw new ContractError('unreadable', [`writer's schema: expected a parsed Avro schema, got ${typeof writerSchema}`])
    }
    const known = this.#readings.get(writerSchema)
    if (known !== undefined) return known
    const records: readonly unknown[] = Array.isArray(writerSchema) ? writerSchema : [writerSchema]
    const readings = records.map((record) => this.#readingOf(record))
    this.#readings.set(writerSchema, readings)
    return readings
  }

  #readingOf(record: unknown): Reading {
    try {
      const type = avroType(record)
      const name = type.name ?? type.typeName
      const own = this.#branches.find((branch) => branch.type.name === name)
      return own === undefined
        ? { name, type, resolver: null, kind: null }
        : { name, type: own.type, resolver: own.type.createResolver(type), kind: own.kind }
    } catch (cause) {
      throw new ContractError('unreadable', [`writer's schema: ${cause instanceof Error ? cause.message : String(cause)}`], { cause })
    }
  }
}

const unionIndex = avro.Type.forSchema('long')

/**
 * What avsc 5.7.9 carries whole. It doubles a negative long before it writes it and so changes odd ones below the
 * least, without a word; the greatest is its own limit.
 */
export const LONG_MIN = -(2 ** 52)
export const LONG_MAX = 2 ** 53 - 2

class ContractLong extends avro.types.LogicalType {
  protected override _fromValue(value: number): number {
    return value
  }
  protected override _resolve(writer: avro.Type): ((value: number) => number) | undefined {
    return avro.Type.isType(writer, 'int', 'long', 'logical:contract-long') ? (value) => value : undefined
  }
  /** undefined: not valid, by avsc's custom; `writeProblems` then tells why. */
  protected override _toValue(value: unknown): number | undefined {
    return Number.isSafeInteger(value) && (value as number) >= LONG_MIN && (value as number) <= LONG_MAX ? (value as number) : undefined
  }
}

const contractLong = avro.Type.forSchema(
  { type: 'long', logicalType: 'contract-long' },
  {
    logicalTypes: { 'contract-long': ContractLong },
  },
)

/** Nullable fields as plain values; records as plain data. */
const avroType = (schema: unknown) =>
  avro.Type.forSchema(schema as avro.Schema, {
    wrapUnions: false,
    omitRecordMethods: true,
    typeHook: (inner) => ((inner as unknown) === 'long' ? contractLong : undefined),
  })

interface AvroRead {
  readonly type: avro.Type
  readonly bytes: Buffer
  readonly at: number
  readonly what: string
  readonly resolver?: object | null
}

function decodeAvro({ type, bytes, at, what, resolver = null }: AvroRead): { value: unknown; offset: number } {
  let read: { value: unknown; offset: number }
  try {
    read = type.decode(bytes, at, resolver ?? undefined)
  } catch (cause) {
    throw new ContractError('unreadable', [`${what}: not readable as Avro: ${cause instanceof Error ? cause.message : String(cause)}`], {
      cause,
    })
  }
  if (read.offset < 0) throw new ContractError('unreadable', [`${what}: cut short: the body ends after ${bytes.length} bytes`])
  return read
}

function writeProblems({ kind, type }: Branch, message: unknown): string[] {
  const problems: string[] = []
  type.isValid(message, {
    errorHook: (path: string[], value: unknown, expected: avro.Type) => {
      const wanted = expected === contractLong ? 'an integer of -2^52 to 2^53 - 2' : expected.typeName
      problems.push(`${kind}.${path.join('.')}: expected ${wanted}, got ${String(value)}`)
    },
  })
  return problems.length > 0 ? problems : [`${kind}: not writable as Avro`]
}

const results = new Codec(resultMessages, resultsAvroSchema)
const control = new Codec(controlMessages, controlAvroSchema)

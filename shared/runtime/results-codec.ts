import { decodeResult } from '../../schemas/avro.ts'
import { schemaIdOf } from '../../schemas/control-parse.ts'
import type { ResultMessage } from '../../schemas/results.ts'
import { AssayError } from '../core/errors.ts'
import type { Registry } from './registry.ts'

/** Confluent framing: a zero byte, the schema id in four bytes, the Avro body. */
export const FRAME_BYTES = 5

/**
 * The id of facts written while no registry could be reached: no registry gives it out. It stands for the schema the
 * package ships, so readers of the same version need no registry either.
 */
export const UNREGISTERED_ID = 0

export function frame(schemaId: number, body: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(FRAME_BYTES + body.length)
  framed.writeUInt8(0, 0)
  framed.writeUInt32BE(schemaId, 1)
  framed.set(body, FRAME_BYTES)
  return framed
}

const ASK_AGAIN_AFTER_MS = 30_000

export type DecodedFact =
  { readonly ok: true; readonly fact: ResultMessage; readonly guessed: boolean } | { readonly ok: false; readonly reason: string }

export interface ResultsDecoder {
  /** Ids that mean the shipped schema. */
  readonly shippedIds: Set<number>
  /** `guessed`: the registry could not be asked, and the shipped schema fitted. */
  readonly decode: (value: Buffer | null) => DecodedFact | Promise<DecodedFact>
}

/** Asks the registry only for ids it does not know, so that a registry that is down costs nothing between like versions. */
export function createResultsDecoder(registry: Pick<Registry, 'schemaById'> | null): ResultsDecoder {
  const shippedIds = new Set([UNREGISTERED_ID])
  const known = new Map<number, object>()
  const askAgainAtMs = new Map<number, number>()
  return {
    shippedIds,
    decode(value) {
      const id = schemaIdOf(value)
      if (value === null || id === null) return { ok: false, reason: `expected a Confluent frame, got ${value?.length ?? 'no'} bytes` }
      const body = value.subarray(FRAME_BYTES)
      if (shippedIds.has(id)) return decodeAs(body, undefined)
      const schema = known.get(id)
      if (schema !== undefined) return decodeAs(body, schema)
      // One slow answer for each fact would be as good as no bus: what failed is not asked for again for a while.
      if (registry === null || performance.now() < (askAgainAtMs.get(id) ?? 0)) return decodeAs(body, undefined, true)
      return registry.schemaById(id).then(
        (found) => {
          known.set(id, found)
          return decodeAs(body, found)
        },
        (error: unknown) => {
          if (error instanceof AssayError && error.retryable) {
            askAgainAtMs.set(id, performance.now() + ASK_AGAIN_AFTER_MS)
            return decodeAs(body, undefined, true)
          }
          return { ok: false, reason: error instanceof Error ? error.message : String(error) }
        },
      )
    },
  }
}

function decodeAs(body: Buffer, writerSchema: object | undefined, guessed = false): DecodedFact {
  try {
    return { ok: true, fact: decodeResult(body, writerSchema), guessed }
  } catch (error) {
    return { ok: false, reason: error instanceof Error ? error.message : String(error) }
  }
}

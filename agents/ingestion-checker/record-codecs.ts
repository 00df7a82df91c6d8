import { isUnreadable } from '../../shared/runtime/canary-search.ts'
import type { RecordReader } from '../../shared/runtime/record-codec.ts'

/**
 * Codecs by schema id, as a topic needs them in which others may write what they like: an id that the registry does not know, or a
 * schema that is no record of ours, makes records that are not read, and must not stop the reading of those behind it.
 */
export interface Codecs {
  /** Null for a schema whose records are not to be read. Waits, however long it takes, for a registry that is away. */
  of(schemaId: number): RecordReader | null | Promise<RecordReader | null>
  /** Whoever still waits is told that nothing is to be read. */
  close(): void
}

export interface CodecsOf {
  readonly fetch: (schemaId: number) => Promise<RecordReader>
  readonly nowMs: () => number
  readonly onTrouble: (reason: string) => void
  /** For tests, which do not wait. */
  readonly waitMs?: number
}

/** A registry of several nodes may know an id a moment later; what it does not know then is asked for again after the second time. */
const WAIT_MS = 1_000
const UNKNOWN_FOR_MS = 30_000
const SCHEMAS_MAX = 10_000

export function createCodecs({ fetch, nowMs, onTrouble, waitMs = WAIT_MS }: CodecsOf): Codecs {
  const known = new Map<number, RecordReader>()
  const unreadable = new Map<number, number>()
  let closed = false
  const wait = () => new Promise((resolve) => setTimeout(resolve, waitMs))
  const ask = async (schemaId: number): Promise<RecordReader | null> => {
    for (let unknown = 0; !closed;) {
      try {
        const codec = await fetch(schemaId)
        if (known.size >= SCHEMAS_MAX) known.clear()
        known.set(schemaId, codec)
        return codec
      } catch (error) {
        if (isUnreadable(error)) {
          if (++unknown > 1 || error.code === 'INPUT_INVALID') break
        } else onTrouble(error instanceof Error ? error.message : String(error))
      }
      await wait()
    }
    if (unreadable.size >= SCHEMAS_MAX) unreadable.clear()
    unreadable.set(schemaId, nowMs())
    return null
  }
  return {
    of(schemaId) {
      const codec = known.get(schemaId)
      if (codec !== undefined) return codec
      const sinceMs = unreadable.get(schemaId)
      return sinceMs !== undefined && nowMs() - sinceMs < UNKNOWN_FOR_MS ? null : ask(schemaId)
    },
    close() {
      closed = true
    },
  }
}

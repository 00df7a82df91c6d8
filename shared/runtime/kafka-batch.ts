import type { EachBatchPayload, IHeaders } from './kafka.ts'

/** Offsets of a batch, from `from` on, that no record stands at: not even a marker, or a record of an aborted transaction. */
export function emptyOffsets(batch: EachBatchPayload['batch'], from: number): number {
  // kafkajs keeps all records of a batch beside those it hands over; its types do not say so.
  const { rawMessages = batch.messages } = batch as { readonly rawMessages?: readonly { readonly offset: string }[] }
  let standing = 0
  for (const { offset } of rawMessages) if (Number(offset) >= from) standing++
  return Math.max(0, Number(batch.lastOffset()) + 1 - from - standing)
}

export const NO_HEADERS: Readonly<Record<string, Buffer>> = {}

export function firstValues(headers: IHeaders): Readonly<Record<string, Buffer>> {
  const values: Record<string, Buffer> = {}
  for (const name in headers) {
    const given = headers[name]
    const value = bytesOf(Array.isArray(given) ? given[0] : given)
    if (value !== null) values[name] = value
  }
  return values
}

/** kafkajs hands a header without a value over as null, whatever its types say. */
function bytesOf(value: Buffer | string | null | undefined): Buffer | null {
  return typeof value === 'string' ? Buffer.from(value) : (value ?? null)
}

/** Values are compared as one of these: integers and decimals as unscaled bigint, text and bytes by their bytes. */
export type Comparable = bigint | number | Uint8Array

/** So many first bytes of texts and bytes are compared, of the values as of their bounds: both may be of any length. */
export const COMPARED_BYTES_MAX = 4_096

/** What a file holds of one column. `least` and `greatest` are null where it holds no value that could be compared. */
export interface ActualColumn {
  readonly fieldId: number
  readonly name: string
  readonly type: string
  readonly valueCount: number
  readonly nullCount: number
  readonly least: Comparable | null
  readonly greatest: Comparable | null
}

/** What a manifest says of the columns of a file, by field id. */
export interface StatedColumns {
  readonly lowerBounds: ReadonlyMap<number, Uint8Array>
  readonly upperBounds: ReadonlyMap<number, Uint8Array>
  readonly valueCounts: ReadonlyMap<number, number>
  readonly nullCounts: ReadonlyMap<number, number>
}

export interface BoundFault {
  readonly expected: string
  readonly actual: string
}

const signed = (bytes: Uint8Array): bigint | null =>
  bytes.length === 4 ? BigInt(Buffer.from(bytes).readInt32LE()) : bytes.length === 8 ? Buffer.from(bytes).readBigInt64LE() : null
const MICROS_PER_DAY = 86_400_000_000n
/** Days, where the column was a date before. */
const moment = (bytes: Uint8Array, perDay: bigint): bigint | null => {
  const value = signed(bytes)
  return value !== null && bytes.length === 4 ? value * perDay : value
}
const floating = (bytes: Uint8Array): number | null =>
  bytes.length === 4 ? Buffer.from(bytes).readFloatLE() : bytes.length === 8 ? Buffer.from(bytes).readDoubleLE() : null
const unscaled = (bytes: Uint8Array): bigint | null =>
  bytes.length === 0 ? null : BigInt.asIntN(bytes.length * 8, BigInt(`0x${Buffer.from(bytes).toString('hex')}`))

/**
 * Single-value serialisation of the specification (appendix D), by type. A column that was widened may have bounds of
 * its narrower type. Not among them: uuid, which writers order in two ways; nested and unknown types.
 */
const decoders: readonly (readonly [type: RegExp, decode: (bytes: Uint8Array) => Comparable | null])[] = [
  [/^(int|long|date|time)$/, signed],
  [/^timestamp(tz)?$/, (bytes) => moment(bytes, MICROS_PER_DAY)],
  [/^timestamp(tz)?_ns$/, (bytes) => moment(bytes, MICROS_PER_DAY * 1_000n)],
  [/^(float|double)$/, floating],
  [/^decimal\(/, unscaled],
  [/^boolean$/, (bytes) => (bytes.length === 1 ? BigInt(bytes[0] as number) : null)],
  [/^(string|binary|fixed\[\d+\])$/, (bytes) => bytes.subarray(0, COMPARED_BYTES_MAX)],
]

/** Null for a type whose bounds are not compared, and for bytes that are none of the type. */
export function decodeBound(type: string, bytes: Uint8Array): Comparable | null {
  const decoded = decoders.find(([pattern]) => pattern.test(type))?.[1](bytes) ?? null
  return typeof decoded === 'number' && Number.isNaN(decoded) ? null : decoded
}

export const isBoundable = (type: string) => decoders.some(([pattern]) => pattern.test(type))

/** Bounds may be wider than what they bound, never narrower: a reader would pass over rows that are there. */
export function falseBounds(stated: StatedColumns, columns: readonly ActualColumn[]): BoundFault[] {
  return columns.flatMap((column): BoundFault[] => {
    const { fieldId, name, type, least, greatest } = column
    const lower = stated.lowerBounds.get(fieldId)
    const upper = stated.upperBounds.get(fieldId)
    const from = lower === undefined ? null : decodeBound(type, lower)
    const to = upper === undefined ? null : decodeBound(type, upper)
    const faults: BoundFault[] = []
    if (from !== null && least !== null && order(from, least) > 0)
      faults.push({ expected: `${name} of at least ${show(from)}, as the manifest says`, actual: show(least) })
    if (to !== null && greatest !== null && order(greatest, to) > 0)
      faults.push({ expected: `${name} of at most ${show(to)}, as the manifest says`, actual: show(greatest) })
    const counts = [
      ['values', stated.valueCounts.get(fieldId), column.valueCount],
      ['nulls', stated.nullCounts.get(fieldId), column.nullCount],
    ] as const
    for (const [what, said, actual] of counts)
      if (said !== undefined && said !== actual)
        faults.push({ expected: `${said} ${what} of ${name}, as the manifest says`, actual: String(actual) })
    return faults
  })
}

function order(left: Comparable, right: Comparable): number {
  if (left instanceof Uint8Array && right instanceof Uint8Array) return Buffer.compare(left, right)
  return left < right ? -1 : left > right ? 1 : 0
}

const SHOWN_BYTES_MAX = 40

function show(value: Comparable): string {
  if (!(value instanceof Uint8Array)) return String(value)
  const text = Buffer.from(value).toString()
  const shown = /^[\x20-\x7e]*$/.test(text) ? text : `0x${Buffer.from(value).toString('hex')}`
  return shown.length > SHOWN_BYTES_MAX ? `${shown.slice(0, SHOWN_BYTES_MAX)}…` : shown
}

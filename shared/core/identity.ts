import { fnv1a, mix32 } from './prng.ts'

/**
 * Who a canary is, as data. Batching and table formats drop headers, so the identity is a field of the record:
 * fixed-width parts, `<run id>:<stream, 4 digits>:<seq, 12 digits>`.
 */
export interface CanaryId {
  readonly runId: string
  readonly stream: number
  readonly seq: number
}

export const RUN_ID_LENGTH = 36
export const STREAM_DIGITS = 4
export const SEQ_DIGITS = 12
export const STREAMS_MAX = 10 ** STREAM_DIGITS
const ID_LENGTH = RUN_ID_LENGTH + 1 + STREAM_DIGITS + 1 + SEQ_DIGITS
export const canaryIdPattern = /^([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}):(\d{4}):(\d{12})$/

export function canaryIdText({ runId, stream, seq }: CanaryId): string {
  return `${runId}:${String(stream).padStart(STREAM_DIGITS, '0')}:${String(seq).padStart(SEQ_DIGITS, '0')}`
}

/** Null for anything that is not a canary's identity. */
export function parseCanaryId(text: string): CanaryId | null {
  if (text.length !== ID_LENGTH) return null
  const match = canaryIdPattern.exec(text)
  return match === null ? null : { runId: match[1] as string, stream: Number(match[2]), seq: Number(match[3]) }
}

/** The canary a field's value names, or null: whatever stands there, in whatever type. */
export const canaryIdOf = (value: unknown): CanaryId | null => (typeof value === 'string' ? parseCanaryId(value) : null)

/**
 * Trace id of a canary, 32 hex digits: the first half names the run, the second is a bijection of (stream, seq), so
 * that no two canaries of a run share one. Every agent can compute it, hence write its span of the trace at any time.
 */
export function traceIdOf({ runId, stream, seq }: CanaryId): string {
  const key = fnv1a(runId)
  let left = (seq >>> 0) ^ key
  let right = (((stream << 16) >>> 0) | (Math.floor(seq / 2 ** 32) & 0xffff)) >>> 0
  // A Feistel network is a bijection whatever its round function is.
  for (let round = 1; round <= 4; round++) {
    const next = (left ^ mix32(right + Math.imul(round, 0x9e3779b9) + key)) >>> 0
    left = right
    right = next
  }
  return runTracePrefix(runId) + hex32(left) + hex32(right)
}

/** The canary of a run whose trace it is: the way back. Null for a trace that is none of the run's canaries'. */
export function canaryOfTrace(runId: string, traceId: string): CanaryId | null {
  if (!/^[0-9a-f]{32}$/.test(traceId) || !traceId.startsWith(runTracePrefix(runId))) return null
  const key = fnv1a(runId)
  let left = parseInt(traceId.slice(16, 24), 16)
  let right = parseInt(traceId.slice(24), 16)
  for (let round = 4; round >= 1; round--) {
    const before = (right ^ mix32(left + Math.imul(round, 0x9e3779b9) + key)) >>> 0
    right = left
    left = before
  }
  const stream = right >>> 16
  const seq = ((left ^ key) >>> 0) + (right & 0xffff) * 2 ** 32
  return stream < STREAMS_MAX && seq < 10 ** SEQ_DIGITS ? { runId, stream, seq } : null
}

/** The trace of the run itself; canary traces link to it. */
export function runTraceIdOf(runId: string): string {
  return runTracePrefix(runId) + '0000000000000000'
}

/** Span id of a canary at a hop, 16 hex digits; never zero. */
export function spanIdOf(traceId: string, hop: string): string {
  const high = mix32(fnv1a(`${traceId}/${hop}`))
  const low = mix32(fnv1a(`${hop}/${traceId}`) ^ high) || 1
  return hex32(high) + hex32(low)
}

const prefixes = new Map<string, string>()
const PREFIXES_MAX = 64

function runTracePrefix(runId: string): string {
  const known = prefixes.get(runId)
  if (known !== undefined) return known
  const prefix = hex32(mix32(fnv1a(`${runId}/high`)) || 1) + hex32(mix32(fnv1a(`${runId}/low`)))
  if (prefixes.size >= PREFIXES_MAX) prefixes.clear()
  prefixes.set(runId, prefix)
  return prefix
}

const hex32 = (value: number) => (value >>> 0).toString(16).padStart(8, '0')

/**
 * A UUIDv7 (RFC 9562) that is a function of its parts, so that everybody who names the same thing names it alike:
 * two schedulers of one window, six agents reading one control message.
 */
export function deterministicRunId(atMs: number, name: string): string {
  const time = Math.max(0, Math.floor(atMs)).toString(16).padStart(12, '0').slice(-12)
  const a = mix32(fnv1a(`${name}/${atMs}/a`))
  const b = mix32(fnv1a(`${name}/${atMs}/b`))
  const c = mix32(fnv1a(`${name}/${atMs}/c`))
  const randA = (a & 0xfff).toString(16).padStart(3, '0')
  const variant = (0x8000 | (b & 0x3fff)).toString(16)
  const tail = hex32(c) + (b >>> 16).toString(16).padStart(4, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randA}-${variant}-${tail}`
}

/** The Unix ms a UUIDv7 was made at. */
export function runTimeMs(runId: string): number {
  return parseInt(runId.slice(0, 8) + runId.slice(9, 13), 16)
}

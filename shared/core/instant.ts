/** A moment written as text: on the world's time line, and as the clock on the wall had it. Unix microseconds. */
export interface Instant {
  readonly atMicros: bigint
  readonly localMicros: bigint
}

const pattern = /^(\d{4})-(\d{2})-(\d{2})[T ](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?\s?(Z|[+-]\d{2}(?::?\d{2})?)?$/

/** A moment in ISO 8601, or as SQL writes it; without an offset it is taken as UTC. Null for any other text. */
export function instantOf(text: string): Instant | null {
  const match = pattern.exec(text)
  if (match === null) return null
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [number, number, number, number, number, number]
  const micros = BigInt((match[7] ?? '').padEnd(6, '0').slice(0, 6))
  const seconds = daysFromCivil(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second
  const localMicros = BigInt(seconds) * 1_000_000n + micros
  return { localMicros, atMicros: localMicros - BigInt(offsetSeconds(match[8] ?? 'Z')) * 1_000_000n }
}

function offsetSeconds(zone: string): number {
  if (zone === 'Z') return 0
  const digits = zone.slice(1).replace(':', '')
  const seconds = Number(digits.slice(0, 2)) * 3_600 + Number(digits.slice(2) || '0') * 60
  return zone.startsWith('-') ? -seconds : seconds
}

/** Days since 1970-01-01 in the proleptic Gregorian calendar (Hinnant, "chrono-compatible low-level date algorithms"). */
function daysFromCivil(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year
  const era = Math.floor(y / 400)
  const yearOfEra = y - era * 400
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear
  return era * 146_097 + dayOfEra - 719_468
}

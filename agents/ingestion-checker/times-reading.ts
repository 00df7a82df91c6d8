import type { OffsetRange } from '../../schemas/parts.ts'
import { canonicalText } from '../../shared/core/audit-fields.ts'
import { spanOf } from '../../shared/core/audit-print.ts'
import { TIMES_MAX } from '../../shared/core/audit-times.ts'
import type { SideTimes } from '../../shared/core/audit.ts'
import type { CanaryRecord, FieldType } from '../../shared/core/record-schema.ts'
import { framedSchemaId, type RecordReader } from '../../shared/runtime/record-codec.ts'
import type { ReadRecord } from '../../shared/runtime/kafka-reader.ts'
import {
  boundsOf,
  codecsOf,
  decoded,
  goneReason,
  READ_TIMEOUT_MS,
  typesOf,
  whoseCanary,
  type Effect,
  type TopicAuditPorts,
} from './audit-reading.ts'

/** So many records of each partition from before the audit may have been under way to the table when it began. */
const BEFORE_MAX = 10_000
/** At least so many are read: all that came during the run is, in one look. */
const RECORDS_PER_MS = 10
/** With those of before the audit alone. Where times are anything, there would be a window for each record. */
const KEPT_MAX = 4 * TIMES_MAX
const MICROS_PER_MS = 1_000n
/** Beyond the year 100,000 it stands for something else, as for never. */
const START_MAX_MS = 3.1e15

/** Counts of all records by windows of event time, by a fresh consumer. Memory grows with the windows. Throws AssayError. */
export async function readTopicTimes(ports: TopicAuditPorts, effect: Effect<'audit-times'>): Promise<SideTimes> {
  const { topic, begun, windowMs } = effect
  const bounds = await boundsOf(ports, topic)
  const told = { topic, windowMs, windows: [], ends: [], unit: null, grew: false, unreadable: 0, timeless: 0, leftOut: 0, snapshotId: null }
  const spans: OffsetRange[] = []
  for (const [partition, { low, high }] of bounds) {
    const offset = begun.get(partition) ?? 0
    if (high < offset)
      return { ...told, gone: `partition ${partition}: topic ${topic} ends at offset ${high}, and ended at ${offset}: was it made anew?` }
    if (high > offset) {
      const gone = goneReason(bounds, topic, { partition, offsetFirst: offset, offsetLast: high - 1 })
      if (gone !== null) return { ...told, gone: `partition ${partition}: ${gone}` }
    }
    const offsetFirst = Math.max(low, offset - BEFORE_MAX)
    if (high > offsetFirst) spans.push({ partition, offsetFirst, offsetLast: high - 1 })
  }
  const missing = [...begun.keys()].find((partition) => !bounds.has(partition))
  if (missing !== undefined) return { ...told, gone: `topic ${topic} has no partition ${missing} any more` }
  const counts = new TimeCounts(effect)
  const lasts = new Map<number, number>()
  await ports.read({
    topic,
    spans,
    timeoutMs: READ_TIMEOUT_MS + spans.reduce((sum, span) => sum + spanOf(span), 0) / RECORDS_PER_MS,
    onRecords: async (partition, records) => {
      const begunAt = begun.get(partition) ?? 0
      counts.add(records, { codecs: await codecsOf(ports, records), begunAt })
      const last = records.at(-1)?.offset ?? -1
      if (last >= begunAt) lasts.set(partition, Math.max(lasts.get(partition) ?? -1, last))
    },
  })
  const ends = [...bounds].map(([partition, { high }]) => ({ partition, offset: (lasts.get(partition) ?? -1) + 1, high }))
  return { ...told, ends, ...counts.toWire() }
}

class TimeCounts {
  readonly #effect: Effect<'audit-times'>
  readonly #windows = new Map<number, { count: number; before: number }>()
  readonly #types = new Map<RecordReader, ReadonlyMap<string, FieldType>>()
  readonly #units = new Set<'millis' | 'micros'>()
  #unreadable = 0
  #timeless = 0
  #leftOut = 0
  #isTooMany = false

  constructor(effect: Effect<'audit-times'>) {
    this.#effect = effect
  }

  add(
    records: readonly ReadRecord[],
    { codecs, begunAt }: { readonly codecs: ReadonlyMap<number, RecordReader>; readonly begunAt: number },
  ): void {
    for (const { offset, value } of records) {
      const isBefore = offset < begunAt
      if (value === null) {
        if (!isBefore) this.#leftOut++
        continue
      }
      const codec = codecs.get(framedSchemaId(value) ?? -1)
      const record = codec === undefined ? null : decoded(codec, value)
      if (record !== null && whoseCanary(record, this.#effect).isForeign) continue
      const startMs = codec === undefined || record === null ? undefined : this.#windowOf(codec, record)
      if (startMs === undefined || startMs === null) {
        if (!isBefore && startMs === null) this.#timeless++
        else if (!isBefore) this.#unreadable++
        continue
      }
      const window = this.#windows.get(startMs) ?? { count: 0, before: 0 }
      if (window.count + window.before === 0 && this.#windows.size >= KEPT_MAX) this.#isTooMany = true
      else this.#windows.set(startMs, window)
      if (isBefore) window.before++
      else window.count++
    }
  }

  /** Of windows with records of before the audit alone, nothing is compared. */
  toWire(): Pick<SideTimes, 'windows' | 'unit' | 'unreadable' | 'timeless' | 'leftOut' | 'gone'> {
    const windows = [...this.#windows]
      .filter(([, { count }]) => count > 0)
      .sort(([a], [b]) => a - b)
      .map(([startMs, counts]) => ({ startMs, ...counts }))
    const [unit = null] = this.#units.size === 1 ? this.#units : []
    const counts = { unit, unreadable: this.#unreadable, timeless: this.#timeless, leftOut: this.#leftOut }
    if (windows.length <= TIMES_MAX && !this.#isTooMany) return { ...counts, windows, gone: null }
    const { windowMs } = this.#effect
    return {
      ...counts,
      windows: [],
      gone: `records lie in more than ${TIMES_MAX} windows of ${windowMs / 1_000} s: longer ones are needed`,
    }
  }

  /** Null for no time; undefined where the schema does not tell it. */
  #windowOf(codec: RecordReader, record: CanaryRecord): number | null | undefined {
    const { field, windowMs } = this.#effect
    const type = typesOf(this.#types, codec).get(field)
    if (type?.kind !== 'timestamp-millis' && type?.kind !== 'timestamp-micros') return undefined
    this.#units.add(type.kind === 'timestamp-millis' ? 'millis' : 'micros')
    const micros = canonicalText(type, 'micros', record[field] ?? null)
    if (micros === null) return null
    const lengthMicros = BigInt(windowMs) * MICROS_PER_MS
    const rest = BigInt(micros) % lengthMicros
    const start = BigInt(micros) - (rest < 0n ? rest + lengthMicros : rest)
    const startMs = Number(start / MICROS_PER_MS)
    return Math.abs(startMs) < START_MAX_MS ? startMs : undefined
  }
}

import type { AuditField } from '../../schemas/results/audit-window.ts'
import type { AuditedRecord } from '../../schemas/results/audit-records.ts'
import type { OffsetRange } from '../../schemas/parts.ts'
import { canonicalValues, comparableFields, hashedText } from '../../shared/core/audit-fields.ts'
import { IntervalPrints } from '../../shared/core/audit-print.ts'
import { expectedBefore, keyIn } from '../../shared/core/audit-work.ts'
import type { SidePrints, SideRecords } from '../../shared/core/audit.ts'
import { canaryIdOf } from '../../shared/core/identity.ts'
import type { CanaryRecord, FieldType } from '../../shared/core/record-schema.ts'
import { addRecord, maskedValue, unreadableText } from '../../shared/engines/record-hash.ts'
import { isUnreadable } from '../../shared/runtime/canary-search.ts'
import type { KafkaAdmin } from '../../shared/runtime/kafka-admin.ts'
import type { ReadRecord } from '../../shared/runtime/kafka-reader.ts'
import type { SpansOptions } from '../../shared/runtime/kafka-spans.ts'
import { framedSchemaId, type RecordReader } from '../../shared/runtime/record-codec.ts'
import { hopName, type TableHop } from '../../topology/topology.ts'
import type { ResolvedRun } from '../../topology/resolved-run.ts'
import type { AuditEffect } from './audit.ts'

export interface TopicAuditPorts {
  readonly admin: Pick<KafkaAdmin, 'topicOffsets'>
  /** By a fresh consumer each time. */
  readonly read: (options: SpansOptions) => Promise<void>
  readonly codecOf: (schemaId: number) => Promise<RecordReader>
}

export type Effect<Type extends AuditEffect['type']> = Extract<AuditEffect, { type: Type }>

/** The time for one look; what takes longer is asked for again. */
export const READ_TIMEOUT_MS = 120_000

/** Fingerprints of wanted intervals of a topic, from a fresh consumer. Memory grows with the parts. Throws AssayError. */
export async function readTopicPrints(
  ports: TopicAuditPorts,
  { topic, wanted, columns, resolved, runId, hop }: Effect<'audit-prints'>,
): Promise<SidePrints[]> {
  const bounds = await boundsOf(ports, topic)
  const asked = wanted.map((interval) => ({
    interval,
    prints: new IntervalPrints(interval),
    leftOut: 0,
    gone: goneReason(bounds, topic, interval),
  }))
  const at = asked.filter(({ gone }) => gone === null)
  let fields: readonly AuditField[] | null = wanted.find((one) => one.fields !== null)?.fields ?? null
  const types = new Map<RecordReader, ReadonlyMap<string, FieldType>>()
  await ports.read({
    topic,
    spans: spansOf(at.map(({ interval }) => interval)),
    timeoutMs: READ_TIMEOUT_MS,
    onRecords: async (partition, records) => {
      const codecs = await codecsOf(ports, records)
      for (const { offset, key, value } of records) {
        const into = at.find(({ interval }) => isWithin(interval, partition, offset))
        if (into === undefined) continue
        if (value === null) {
          into.leftOut++
          continue
        }
        const codec = codecs.get(framedSchemaId(value) ?? -1)
        const record = codec === undefined ? null : decoded(codec, value)
        if (codec !== undefined && record !== null) fields ??= fieldsOf({ codec, columns, resolved, hop, topic })
        if (codec === undefined || record === null || fields === null || isOpaqueIn(codec, fields)) {
          addRecord(into.prints, offset, unreadableText(partition, offset))
          into.prints.doubt(offset, 'unreadable')
          continue
        }
        addRecord(into.prints, offset, hashedText(partition, offset, canonicalValues({ key, record }, typesOf(types, codec), fields)))
        if (whoseCanary(record, { resolved, runId }).isForeign) into.prints.doubt(offset, 'foreign')
      }
    },
  })
  const nothing = { fields: [...(fields ?? [])], lastRecord: null, leftOut: 0, doubtful: [], snapshotId: null, gone: null }
  return asked.map(({ interval: { partition, offsetFirst, offsetLast, round, step }, prints, leftOut, gone }): SidePrints => {
    const place = { partition, offsetFirst, offsetLast, round, step }
    if (gone !== null) return { ...place, ...nothing, prints: [], gone }
    return { ...place, ...nothing, prints: prints.toWire(), lastRecord: prints.lastRecord, leftOut, doubtful: prints.doubtful() }
  })
}

/** Single records, by a fresh consumer; those that are not there are not listed. Throws AssayError. */
export async function readTopicRecords(
  ports: TopicAuditPorts,
  { topic, wanted, resolved, runId, hop }: Effect<'audit-records'>,
): Promise<SideRecords[]> {
  const bounds = await boundsOf(ports, topic)
  const places = wanted.map(({ offset, ...rest }) => ({ ...rest, offset, offsetFirst: offset, offsetLast: offset }))
  const isThere = (place: OffsetRange) => goneReason(bounds, topic, place) === null
  const isShown = tableOf(resolved, hop)?.audit?.showValues ?? true
  const found = new Map<string, AuditedRecord>()
  const types = new Map<RecordReader, ReadonlyMap<string, FieldType>>()
  await ports.read({
    topic,
    spans: spansOf(places.filter(isThere)),
    timeoutMs: READ_TIMEOUT_MS,
    onRecords: async (partition, records) => {
      const codecs = await codecsOf(ports, records)
      for (const read of records) {
        const place = places.find((one) => one.partition === partition && one.offset === read.offset)
        if (place === undefined || read.value === null) continue
        const codec = codecs.get(framedSchemaId(read.value) ?? -1)
        const record = codec === undefined ? null : decoded(codec, read.value)
        const isRead = codec !== undefined && record !== null && !isOpaqueIn(codec, place.fields)
        const values = isRead ? canonicalValues({ key: read.key, record }, typesOf(types, codec), place.fields) : []
        const said = { values: isShown ? values : values.map(maskedValue), ...whoseCanary(record, { resolved, runId }), ...traceOf(read) }
        found.set(`${partition}/${read.offset}`, { offset: read.offset, file: null, ...said })
      }
    },
  })
  return places.map((place): SideRecords => {
    const record = found.get(`${place.partition}/${place.offset}`)
    const fields = [...place.fields]
    const gone = goneReason(bounds, topic, place)
    return {
      partition: place.partition,
      round: place.round,
      offsets: [place.offset],
      fields,
      records: record === undefined ? [] : [record],
      snapshotId: null,
      gone,
    }
  })
}

type Bounds = ReadonlyMap<number, { readonly low: number; readonly high: number }>

export const boundsOf = async ({ admin }: TopicAuditPorts, topic: string): Promise<Bounds> =>
  new Map((await admin.topicOffsets(topic)).map((one) => [one.partition, one]))

/** Why an interval cannot be read any more; null when it can. */
export function goneReason(bounds: Bounds, topic: string, { partition, offsetFirst, offsetLast }: OffsetRange): string | null {
  const there = bounds.get(partition)
  if (there === undefined) return `topic ${topic} has no partition ${partition}`
  if (offsetFirst < there.low) return `what is below offset ${there.low} was removed from topic ${topic}`
  return offsetLast < there.high ? null : `topic ${topic} ends at offset ${there.high}: was it made anew?`
}

const isWithin = ({ partition: own, offsetFirst, offsetLast }: OffsetRange, partition: number, offset: number) =>
  own === partition && offset >= offsetFirst && offset <= offsetLast

/** From the first to the last of each partition: what lies between is passed over. */
function spansOf(ranges: readonly OffsetRange[]): OffsetRange[] {
  const spans = new Map<number, OffsetRange>()
  for (const { partition, offsetFirst, offsetLast } of ranges) {
    const known = spans.get(partition) ?? { partition, offsetFirst, offsetLast }
    spans.set(partition, {
      partition,
      offsetFirst: Math.min(known.offsetFirst, offsetFirst),
      offsetLast: Math.max(known.offsetLast, offsetLast),
    })
  }
  return [...spans.values()]
}

/**
 * Before anything is counted: what is asked for may fail, and the batch then comes again. A schema that nobody knows, or that is
 * no record, has no codec: it must not hold up what stands beside its records.
 */
export async function codecsOf({ codecOf }: TopicAuditPorts, records: readonly ReadRecord[]): Promise<Map<number, RecordReader>> {
  const ids = new Set(records.flatMap(({ value }) => framedSchemaId(value) ?? []))
  const codecs = new Map<number, RecordReader>()
  const ask = async (id: number) => {
    try {
      codecs.set(id, await codecOf(id))
    } catch (error) {
      if (!isUnreadable(error)) throw error
    }
  }
  await Promise.all([...ids].map(ask))
  return codecs
}

export function decoded(codec: RecordReader, value: Buffer): CanaryRecord | null {
  try {
    return codec.decode(value)
  } catch {
    // Told as a record that cannot be read, at its place.
    return null
  }
}

/** Whether its schema writes what is compared in a type that is not read. */
const isOpaqueIn = ({ opaque }: RecordReader, fields: readonly AuditField[]) =>
  opaque.size > 0 && fields.some(({ field, as }) => as !== 'key' && opaque.has(field))

const tableOf = ({ hops }: ResolvedRun, name: string) => hops.find((hop): hop is TableHop => hop.kind === 'table' && hopName(hop) === name)

function fieldsOf({
  codec,
  columns,
  resolved,
  hop,
  topic,
}: Pick<Effect<'audit-prints'>, 'columns' | 'resolved' | 'hop' | 'topic'> & { codec: RecordReader }) {
  const table = tableOf(resolved, hop) ?? { expect: [] }
  return comparableFields({
    fields: codec.fields,
    columns,
    table,
    expectBefore: expectedBefore(resolved, topic),
    key: keyIn(resolved, topic),
  })
}

export function typesOf(known: Map<RecordReader, ReadonlyMap<string, FieldType>>, codec: RecordReader): ReadonlyMap<string, FieldType> {
  let types = known.get(codec)
  if (types === undefined) known.set(codec, (types = new Map(codec.fields.map(({ name, type }) => [name, type]))))
  return types
}

export function whoseCanary(
  record: CanaryRecord | null,
  { resolved, runId }: Pick<Effect<'audit-records'>, 'resolved' | 'runId'>,
): Pick<AuditedRecord, 'stream' | 'seq' | 'isForeign'> {
  const id = canaryIdOf(record?.[resolved.record.identity])
  const isOwn = id?.runId === runId
  return { stream: isOwn ? id.stream : null, seq: isOwn ? id.seq : null, isForeign: id !== null && !isOwn }
}

const traceOf = ({ headers }: ReadRecord) => ({
  traceId: /^00-([0-9a-f]{32})-/.exec(headers['traceparent']?.toString() ?? '')?.[1] ?? null,
})

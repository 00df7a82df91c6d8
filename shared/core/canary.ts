import type { FieldHint, RecordShape } from '../../topology/topology.ts'
import type { Load } from '../../topology/plan.ts'
import { AssayError } from './errors.ts'
import { canaryIdText, runTimeMs } from './identity.ts'
import { isMirror, mirrorDefectAt, mirrorLength, mirrorPlace, MIRROR_DELAY_MS } from './mirror.ts'
import { fnv1a, mix32 } from './prng.ts'
import { parseDecimal, type CanaryRecord, type FieldType, type FieldValue, type RecordField } from './record-schema.ts'

/** Everything a canary's content depends on besides (stream, seq). */
export interface CanarySource {
  readonly runId: string
  readonly seed: number
  readonly load: Load
  readonly record: RecordShape
  readonly fields: readonly RecordField[]
}

export type CanaryAt = (stream: number, seq: number) => CanaryRecord

/**
 * The content of every canary of a run, as a pure function of (seed, stream, seq): any agent can tell what a record
 * must hold. Throws INPUT_INVALID when the topology names a field the schema does not have.
 */
export function canaryContent(source: CanarySource): CanaryAt {
  const { record, fields, load, runId, seed } = source
  for (const name of [
    record.identity,
    record.key,
    record.marker.field,
    ...(record.eventTime === null ? [] : [record.eventTime]),
    ...Object.keys(record.fields),
  ]) {
    if (!fields.some((field) => field.name === name)) {
      throw new AssayError(
        'INPUT_INVALID',
        `topology names field ${name}, and the record's schema has only ${fields.map((field) => field.name).join(', ')}`,
      )
    }
  }
  const special = new Set([record.identity, record.key, record.marker.field, record.eventTime])
  const makers = fields.map((field) => ({
    field,
    // A key keeps the order of its stream: there is always one.
    make: ordinaryMaker(field.name === record.key ? { ...field, nullable: false } : field, record.fields[field.name], runTagOf(runId)),
    salt: fnv1a(`${seed}/${field.name}`),
  }))
  const marker = markerValue(
    record.marker.value,
    fields.find(({ name }) => name === record.marker.field),
  )
  const edgy = makers.filter(({ field }) => !special.has(field.name) && (record.fields[field.name]?.edges ?? true))
  return (stream, seq) => {
    const draw = mix32(mix32(seed ^ Math.imul(stream + 1, 0x9e3779b1)) ^ seq)
    const content: Record<string, FieldValue> = {}
    for (const { field, make, salt } of makers) content[field.name] = make(mix32(draw ^ salt), stream)
    content[record.identity] = canaryIdText({ runId, stream, seq })
    content[record.marker.field] = marker
    if (record.eventTime !== null) content[record.eventTime] = eventTimeOf(source, stream, seq)
    if (load.edgeValuesEvery > 0 && edgy.length > 0 && !isMirror(load, stream) && seq % load.edgeValuesEvery === load.edgeValuesEvery - 1) {
      const { field, salt } = edgy[draw % edgy.length] as (typeof edgy)[number]
      const edges = edgeValues(field)
      content[field.name] = edges[mix32(draw ^ salt ^ 1) % edges.length] ?? null
    }
    return content
  }
}

const markerValue = (text: string, field: RecordField | undefined): FieldValue => (field?.type.kind === 'boolean' ? text === 'true' : text)

/** Place of a canary in the order of sends: streams take turns, and the mirror stream comes in between. */
export const placeOf = (load: Load, stream: number, seq: number) =>
  isMirror(load, stream) ? mirrorPlace(load, seq) : seq * load.streams + stream

/** How many canaries a stream holds. */
export const streamLength = (load: Load, stream: number) =>
  isMirror(load, stream) ? mirrorLength(load) : Math.max(0, Math.ceil((load.canaries - stream) / load.streams))

/** Whether the load has such a canary at all. */
export const isOfLoad = (load: Load, { stream, seq }: { readonly stream: number; readonly seq: number }) =>
  (stream < load.streams || isMirror(load, stream)) && seq < streamLength(load, stream)

/** The clock of intended sends: the plan's rate from the epoch on, moved by the times the generator was down. */
export interface SendClock {
  readonly load: Load
  readonly epochMs: number
  /** In order of place. */
  readonly shifts: readonly { readonly placeFirst: number; readonly shiftMs: number }[]
}

/** When the canary is meant to be sent: latency counts from here (open loop), whenever it really was. */
export const intendedAtMs = (clock: SendClock, stream: number, seq: number): number =>
  sendAtMs(clock, stream, seq) - (mirrorDefectAt(clock.load, stream, seq) === 'delayed' ? MIRROR_DELAY_MS : 0)

/** When the generator sends it: as intended, unless it is to be late on purpose. */
export function sendAtMs({ load, epochMs, shifts }: SendClock, stream: number, seq: number): number {
  const place = placeOf(load, stream, seq)
  const shift = shifts.findLast(({ placeFirst }) => placeFirst <= place)
  return epochMs + (place * 1000) / load.ratePerSecond + (shift?.shiftMs ?? 0)
}

/** Event time grows by one step a canary from the time in the run id, in the unit of the field; a function of the run alone. */
export function eventTimeOf(source: CanarySource, stream: number, seq: number): number {
  const { record, fields, load, runId } = source
  const field = fields.find(({ name }) => name === record.eventTime)
  const place = placeOf(load, stream, seq)
  switch (field?.type.kind) {
    case 'timestamp-micros':
      return runTimeMs(runId) * 1000 + Math.floor((place * 1_000_000) / load.ratePerSecond)
    case 'timestamp-millis':
    case 'long':
      return runTimeMs(runId) + Math.floor((place * 1000) / load.ratePerSecond)
    default:
      throw new AssayError('INPUT_INVALID', `event time field ${record.eventTime ?? 'null'} must be a timestamp or a long`)
  }
}

/** Short, and different for runs that overlap: their keys must not meet. */
const runTagOf = (runId: string) => mix32(fnv1a(runId)).toString(36).padStart(7, '0')

type Make = (draw: number, stream: number) => FieldValue

function ordinaryMaker({ name, type, nullable }: RecordField, hint: FieldHint | undefined, runTag: string): Make {
  const make = typedMaker({ name, type, runTag }, hint)
  return nullable ? (draw, stream) => (draw % 4 === 0 ? null : make(mix32(draw), stream)) : make
}

function typedMaker({ name, type, runTag }: { name: string; type: FieldType; runTag: string }, hint: FieldHint | undefined): Make {
  const { oneOf, range, perStream, fixed } = hint ?? {}
  if (range !== undefined && Number(range[1]) < Number(range[0])) {
    throw new AssayError('INPUT_INVALID', `topology gives field ${name} the range ${range[0]} to ${range[1]}: its end is before its start`)
  }
  switch (type.kind) {
    case 'string':
      if (fixed !== undefined) return () => fixed
      if (perStream !== undefined)
        return (_draw, stream) => perStream.replace('{run}', runTag).replace('{stream}', String(stream).padStart(2, '0'))
      return oneOf === undefined ? (draw) => `${name}-${draw.toString(36)}` : (draw) => oneOf[draw % oneOf.length] as string
    case 'enum': {
      const symbols = oneOf ?? (fixed === undefined ? type.symbols : [fixed])
      return (draw) => symbols[draw % symbols.length] as string
    }
    case 'decimal': {
      const least = parseDecimal(range?.[0] ?? '0', type.scale)
      const most = 10n ** BigInt(type.precision) - 1n
      const end = parseDecimal(range?.[1] ?? '1000', type.scale)
      const span = (range === undefined && end > most ? most : end) - least + 1n
      return (draw) => least + ((BigInt(draw) * 0x9e3779b1n + BigInt(mix32(draw))) % span)
    }
    case 'boolean':
      return (draw) => draw % 2 === 0
    case 'int':
    case 'long':
    case 'date': {
      const least = Number(range?.[0] ?? '0')
      const span = Number(range?.[1] ?? '1000000') - least + 1
      return (draw) => least + (draw % span)
    }
    case 'timestamp-millis':
    case 'timestamp-micros': {
      const unit = type.kind === 'timestamp-millis' ? 1 : 1000
      return (draw) => (1_700_000_000_000 + draw) * unit
    }
    case 'float':
    case 'double':
      return floatingMaker(type.kind, range)
    case 'bytes':
      return (draw) => Uint8Array.of(draw & 255, (draw >>> 8) & 255, (draw >>> 16) & 255)
    case 'string-map':
      return (draw) => ({ desk: `desk-${draw % 7}`, venue_seq: String(draw >>> 8) })
    default:
      return type satisfies never
  }
}

const FLOATING_STEPS = 4_000

/** Equality must be a fair test: quarters are exact in either width, and what lies between given ends is brought to the width of the type. */
function floatingMaker(kind: 'float' | 'double', range: FieldHint['range']): Make {
  if (range === undefined) return (draw) => (draw % FLOATING_STEPS) / 4
  const [least, most] = range.map(Number) as [number, number]
  const inWidth = kind === 'float' ? Math.fround : (value: number) => value
  // Rounding may step over an end; then the middle is as good.
  const isWithin = (value: number) => value >= least && value <= most
  return (draw) => {
    const value = inWidth(least + ((draw % (FLOATING_STEPS + 1)) / FLOATING_STEPS) * (most - least))
    return isWithin(value) ? value : inWidth(least / 2 + most / 2)
  }
}

const LONG_TEXT = 'lorem ipsum dolor sit amet '.repeat(80)

/** Values at the borders of a type: where pipelines lose precision, trim, re-encode or overflow. */
export function edgeValues({ type, nullable }: RecordField): readonly FieldValue[] {
  const edges = typedEdges(type)
  return nullable ? [null, ...edges] : edges
}

function typedEdges(type: FieldType): readonly FieldValue[] {
  switch (type.kind) {
    case 'string':
      return [
        '',
        ' leading and trailing ',
        'Ünïcödé – naïve café',
        '日本語テキスト',
        '🙂👩‍👩‍👧‍👦',
        'e\u0301 is not \u00e9',
        'quote \' " \\ \n tab\t',
        LONG_TEXT,
      ]
    case 'enum':
      return type.symbols.slice(0, 1)
    case 'decimal': {
      // Twelve digits before the point at most: sums over a run stay within 38.
      const most = 10n ** BigInt(Math.min(type.precision, type.scale + 12)) - 1n
      return [0n, 1n, -1n, most, -most]
    }
    case 'boolean':
      return [true, false]
    case 'int':
      return [0, -1, 2 ** 31 - 1, -(2 ** 31)]
    case 'long':
      return [0, -1, 2 ** 53 - 2, -(2 ** 52)]
    case 'date':
      return [0, -1, 2_932_896]
    case 'timestamp-millis':
      return [0, -1, 253_402_300_799_999]
    case 'timestamp-micros':
      return [0, -1, 4_102_444_800_000_000]
    case 'float':
    case 'double':
      return [0, -1, 2 ** 24 - 1]
    case 'bytes':
      return [new Uint8Array(0), Uint8Array.of(0), Uint8Array.of(255, 0, 255)]
    case 'string-map':
      return [{}, { '': '' }, { ключ: 'значение', k: '' }]
    default:
      return type satisfies never
  }
}

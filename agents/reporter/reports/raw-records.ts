import type { ReadRecord } from '../../../shared/runtime/kafka-reader.ts'
import { isAudited } from '../../../shared/core/audit-findings.ts'
import { hopName } from '../../../topology/topology.ts'
import { violationGroups, type LocatedViolation } from './locate.ts'
import { FETCH_MS, type Interval, type RawEvidence, type RawEvidencePorts } from './raw-evidence.ts'
import type { ReportSource } from './report-source.ts'

export const RECORDS_MAX = 200
/** Of one record with its headers, and of all: base64 makes a third more of it, and all must fit the archive. */
export const RECORD_BYTES_MAX = 1024 * 1024
export const RECORDS_BYTES_MAX = 8 * 1024 * 1024
/** Each interval costs a consumer: offsets nearer than this to each other are read in one go. */
const GAP_MAX = 500
const READS_MAX = 32
/** Of a value in hexadecimal, to look at: the Confluent frame and the first fields. */
const HEX_BYTES_MAX = 4_096
const FILE = 'raw-records.jsonl'

export interface Place {
  readonly topic: string
  readonly partition: number
  readonly offset: number
}

const keyOf = ({ topic, partition, offset }: Place) => `${topic} partition ${partition} offset ${offset}`

/** In turn from each group of findings, so that a flood of one kind leaves room for the others. */
export function placesOf({ run, evidence }: Pick<ReportSource, 'run' | 'evidence'>): { places: Place[]; all: number } {
  const groups = violationGroups(run, evidence).map(({ located }) =>
    located
      .filter((one) => !isHidden(run, one))
      .flatMap(({ topic, violation: { partition, offset } }) =>
        topic === null || partition === null || offset === null || offset < 0 ? [] : [{ topic, partition, offset }],
      ),
  )
  const all = new Map<string, Place>()
  const longest = Math.max(0, ...groups.map((places) => places.length))
  for (let turn = 0; turn < longest; turn++)
    for (const places of groups) {
      const place = places[turn]
      if (place !== undefined) all.set(keyOf(place), place)
    }
  return { places: [...all.values()].slice(0, RECORDS_MAX), all: all.size }
}

/** A record of somebody else, of which the topology lets no value be shown. */
const isHidden = (run: ReportSource['run'], { violation }: LocatedViolation) =>
  isAudited(violation) &&
  run.resolved.hops.some((hop) => hop.kind === 'table' && hopName(hop) === violation.hop && hop.audit?.showValues === false)

export function intervalsOf(places: readonly Place[]): Interval[] {
  const ordered = places.toSorted((a, b) => a.topic.localeCompare(b.topic) || a.partition - b.partition || a.offset - b.offset)
  const intervals: Interval[] = []
  for (const { topic, partition, offset } of ordered) {
    const last = intervals.at(-1)
    const isNear = last?.topic === topic && last.partition === partition && offset - last.offsetLast <= GAP_MAX
    if (isNear) intervals[intervals.length - 1] = { ...last, offsetLast: offset }
    else intervals.push({ topic, partition, offsetFirst: offset, offsetLast: offset })
  }
  return intervals
}

/** The records that findings name, as lines of JSON; each that could not be had is named with its reason. */
export async function rawRecords(source: ReportSource, { readInterval, nowMs }: RawEvidencePorts): Promise<RawEvidence> {
  const { places, all } = placesOf(source)
  const kept = new KeptRecords(places)
  const leftOut = all > places.length ? [`${FILE}: ${all - places.length} of ${all} records, beyond ${RECORDS_MAX}`] : []
  const untilMs = nowMs() + FETCH_MS
  const queue = intervalsOf(places)
  let reads = 0
  for (let interval = queue.shift(); interval !== undefined; interval = queue.shift()) {
    if (reads >= READS_MAX || nowMs() >= untilMs) {
      queue.unshift(interval)
      break
    }
    reads++
    const { topic, partition } = interval
    const look = await readInterval(interval, (records) => {
      for (const record of records) kept.take({ topic, partition, offset: record.offset }, record)
    })
    const missing = kept.missingIn(interval)
    if (missing.length === 0) continue
    // Where the first is gone nothing was read: those at the end of the interval may be there still.
    const isBarred = !look.complete && look.nextOffset === interval.offsetFirst
    const retried = isBarred ? missing.slice(Math.ceil(missing.length / 2)) : []
    queue.unshift(...intervalsOf(retried))
    const named = missing.slice(0, missing.length - retried.length).map(({ offset }) => offset)
    const reason = look.complete ? 'not in the topic: removed by retention or compaction, or never committed' : look.reason
    leftOut.push(`${FILE}: ${topic} partition ${partition} offset ${named.join(', ')}: ${reason}`)
  }
  const late = queue.flatMap((interval) => kept.missingIn(interval))
  if (late.length > 0) leftOut.push(`${FILE}: ${late.length} records, not read within ${READS_MAX} reads and ${FETCH_MS} ms`)
  return {
    files: kept.lines.length === 0 ? [] : [{ name: FILE, content: `${kept.lines.join('\n')}\n` }],
    leftOut: [...leftOut, ...kept.tooLarge],
  }
}

/** The records wanted, as they come. */
class KeptRecords {
  readonly lines: string[] = []
  readonly tooLarge: string[] = []
  readonly #wanted: Map<string, Place>
  #bytes = 0

  constructor(places: readonly Place[]) {
    this.#wanted = new Map(places.map((place) => [keyOf(place), place]))
  }

  take(place: Place, record: ReadRecord): void {
    if (!this.#wanted.delete(keyOf(place))) return
    const { key, value, headers } = record
    const bytes = [key, value, ...Object.values(headers)].reduce((sum, part) => sum + (part?.length ?? 0), 0)
    const limit = Math.min(RECORD_BYTES_MAX, RECORDS_BYTES_MAX - this.#bytes)
    if (bytes > limit) {
      this.tooLarge.push(`${FILE}: ${keyOf(place)}: ${bytes} bytes, and ${limit} were left for it`)
      return
    }
    this.#bytes += bytes
    this.lines.push(recordLine(place, record))
  }

  /** In order of their offsets. */
  missingIn({ topic, partition, offsetFirst, offsetLast }: Interval): Place[] {
    return [...this.#wanted.values()]
      .filter(
        (place) => place.topic === topic && place.partition === partition && place.offset >= offsetFirst && place.offset <= offsetLast,
      )
      .sort((a, b) => a.offset - b.offset)
  }
}

const recordLine = (place: Place, { timestampMs, key, value, headers }: ReadRecord) =>
  JSON.stringify({
    ...place,
    timestampMs,
    keyBase64: key?.toString('base64') ?? null,
    valueBase64: value?.toString('base64') ?? null,
    valueHex: value?.subarray(0, HEX_BYTES_MAX).toString('hex') ?? null,
    headersBase64: Object.fromEntries(Object.entries(headers).map(([name, bytes]) => [name, bytes.toString('base64')])),
  })

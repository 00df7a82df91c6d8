import type { ExpectedRows, RunCanaries } from '../../shared/engines/expected-rows.ts'
import { canaryIdOf, spanIdOf, traceIdOf, type CanaryId } from '../../shared/core/identity.ts'
import { fieldText, type CanaryRecord } from '../../shared/core/record-schema.ts'
import type { RecordHop } from '../../shared/core/run-work.ts'
import { holds } from '../../shared/core/shares.ts'
import type { CanarySpans, HopOfRun } from '../../shared/runtime/canary-spans.ts'
import type { ReadRecord } from '../../shared/runtime/kafka-reader.ts'
import type { Log } from '../../shared/runtime/log.ts'
import type { Metrics } from '../../shared/runtime/metrics.ts'
import { framedSchemaId, type RecordReader } from '../../shared/runtime/record-codec.ts'
import { createCodecs, type Codecs } from './record-codecs.ts'
import { traceparent } from '../../shared/runtime/tracing.ts'
import { SOURCE_HOP, hopName } from '../../topology/topology.ts'
import type { CheckerEffect, CheckerEvent } from './events.ts'
import { ContractCheck, type RecordUnderContract } from './contract-check.ts'
import type { HopLog, LogBatch, LogReader } from './hop-logs.ts'
import { checkRecord, checkUnchanged, keyFaults } from './record-check.ts'
import type { RecordFault, SightedRecord } from './sighting.ts'

type StartReading = Extract<CheckerEffect, { type: 'start-reading' }>
/** Null for a record that is no canary of the run. */
type Sighted = SightedRecord | null

const POSITION_EVERY_MS = 250

export interface ReadingOf {
  readonly ports: { readonly log: Log; readonly metrics: Metrics }
  readonly hop: RecordHop
  readonly log: HopLog
  readonly canaries: RunCanaries
  /** Null where the hop must hold what was produced. */
  readonly rows: ExpectedRows | null
  readonly codecOf: (schemaId: number) => Promise<RecordReader>
  readonly spans: CanarySpans
  readonly nowMs: () => number
}

type At = Pick<StartReading, 'runId' | 'hop' | 'reading'>

interface Advance {
  readonly partition: number
  readonly next: number
  readonly records: readonly SightedRecord[]
  readonly otherOffsets: readonly number[]
  readonly removed?: { readonly offsetFirst: number; readonly offsetLast: number }
}

/** One hop read for one run. */
export class Reading {
  readonly #of: ReadingOf
  readonly #reader: LogReader
  readonly #timer: NodeJS.Timeout
  readonly #sent: Map<number, number>
  readonly #codecs: Codecs
  readonly #at: HopOfRun
  readonly #projected: ReadonlySet<string>
  /** Fields that have to be compared with something. */
  readonly #wanted: ReadonlySet<string>
  /** The field that is the key of records at the hop; null where nobody says. */
  readonly #keyField: string | null
  /** Null where the hop has no contract. */
  readonly #contract: ContractCheck | null

  constructor(of: ReadingOf, { runId, hop, reading, positions, shares }: StartReading, send: (event: CheckerEvent) => void) {
    this.#of = of
    this.#sent = new Map(positions)
    this.#at = of.spans.at(of.canaries, hop)
    this.#codecs = createCodecs({
      fetch: of.codecOf,
      nowMs: of.nowMs,
      onTrouble: (reason) => {
        send({ type: 'trouble', runId, hop, reason })
      },
    })
    this.#projected = new Set(of.hop.kind === 'topic' ? of.hop.expect.map(({ field }) => field) : [])
    this.#keyField = keyFieldOf(of)
    const contract = of.hop.kind === 'topic' ? of.hop.contract : null
    this.#contract = contract === null ? null : new ContractCheck(contract)
    const produced = of.canaries.fields.map(({ name }) => name)
    this.#wanted = new Set([...produced, ...this.#projected, ...Object.keys(contract?.columns ?? {}), ...(contract?.unique.flat() ?? [])])
    this.#reader = of.log.read({
      positions,
      reads: (partition) => holds(shares, partition),
      onBatch: (batch) => this.#readBatch({ runId, hop, reading }, batch, send),
      onTrouble: ({ kind, message }) => {
        of.ports.log.warn({ runId, hop, kind }, message)
        send({ type: 'trouble', runId, hop, reason: `${kind}: ${message}` })
      },
    })
    // Markers and aborted records move the position without a batch.
    this.#timer = setInterval(() => {
      for (const [partition, next] of this.#reader.positions())
        this.#advance({ runId, hop, reading }, { partition, next, records: [], otherOffsets: [] }, send)
    }, POSITION_EVERY_MS)
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    this.#codecs.close()
    await this.#reader.close()
  }

  async #readBatch(at: At, batch: LogBatch, send: (event: CheckerEvent) => void): Promise<void> {
    const records: SightedRecord[] = []
    const otherOffsets: number[] = []
    for (const record of batch.records) {
      // Records are many: only those that something has to be asked for are waited for.
      const sighting = this.#sight(batch.partition, record)
      const sighted = sighting instanceof Promise ? await sighting : sighting
      if (sighted === null) otherOffsets.push(record.offset)
      else records.push(sighted)
    }
    this.#of.ports.metrics.add('assay_checker_canaries_total', records.length)
    const last = batch.records.at(-1)
    if (last === undefined) return
    const { partition, removed } = batch
    this.#advance(at, { partition, next: last.offset + 1, records, otherOffsets, ...(removed === undefined ? {} : { removed }) }, send)
  }

  #advance(at: At, to: Advance, send: (event: CheckerEvent) => void): void {
    const { partition, next, records, otherOffsets, removed } = to
    const sent = this.#sent.get(partition) ?? 0
    if (next <= sent) return
    this.#sent.set(partition, next)
    const batch = { partition, offsetFirst: sent, offsetLast: next - 1, records, otherOffsets }
    const skipped = this.#reader.skipped() > 0 ? { skipped: true as const } : {}
    // What was removed is not covered: nobody has read it.
    const gap = removed === undefined ? {} : { offsetFirst: removed.offsetLast + 1, removed: { partition, ...removed, offsetFirst: sent } }
    send({ type: 'batch-read', ...at, batch: { ...batch, ...skipped, ...gap } })
  }

  #sight(partition: number, record: ReadRecord): Sighted | Promise<Sighted> {
    const schemaId = framedSchemaId(record.value)
    if (schemaId === null || record.value === null) return null
    const { value } = record
    const codec = this.#codecs.of(schemaId)
    if (!(codec instanceof Promise)) return codec === null ? null : this.#compare({ partition, codec, value }, record)
    return codec.then((fetched) => (fetched === null ? null : this.#compare({ partition, codec: fetched, value }, record)))
  }

  #compare(
    { partition, codec, value }: { partition: number; codec: RecordReader; value: Buffer },
    { offset, timestampMs, key, headers }: ReadRecord,
  ): Sighted | Promise<Sighted> {
    const { canaries, rows, hop, ports, spans, nowMs } = this.#of
    let record: CanaryRecord
    try {
      record = codec.decode(value)
    } catch (error) {
      ports.log.warn({ offset, hop: hopName(hop), err: error }, 'undecodable record')
      return null
    }
    const id = canaryIdOf(record[canaries.resolved.record.identity])
    if (id === null || id.runId !== canaries.runId) return null
    const { stream, seq } = id
    spans.sighted(this.#at, { stream, seq, startMs: timestampMs, endMs: nowMs(), partition, offset })
    const { fields, opaque } = codec
    const given = { record, fields, opaque, headers }
    const opaqueHere = opaque.size === 0 ? [] : [...opaque].filter(([name]) => this.#wanted.has(name))
    const expected = { headers: this.#headersOf(id) }
    const sighted = (found: readonly RecordFault[], expectedText: RecordUnderContract['expectedText']): SightedRecord => {
      const keyText = this.#keyField === null ? undefined : expectedText(this.#keyField)
      const faults = keyText === undefined ? found : [...found, ...keyFaults(key, keyText)]
      const place = { stream, seq, offset, appendedAtMs: timestampMs }
      const common = opaqueHere.length === 0 ? place : { ...place, opaque: opaqueHere }
      const held = this.#contract?.check({ stream, seq, partition, record, fields, opaque, expectedText })
      if (held === undefined || held.broken.length + held.exempt.length === 0) return { ...common, faults }
      return { ...common, faults: [...faults, ...held.faults], contract: { broken: held.broken, exempt: held.exempt } }
    }
    if (rows !== null)
      return rows
        .rowOf(stream, seq)
        .then((row) =>
          sighted(checkRecord(given, { ...expected, row, typeOf: rows.typeOf, projected: this.#projected }), (name) => row.get(name)),
        )
    const produced = canaries.at(stream, seq)
    return sighted(checkUnchanged(given, { ...expected, produced, producedFields: canaries.fields }), (name) => {
      const type = canaries.fields.find((field) => field.name === name)?.type
      return type === undefined ? undefined : fieldText(type, produced[name] ?? null)
    })
  }

  #headersOf(id: CanaryId): Record<string, string> {
    const { headers } = this.#of.hop
    if (headers.length === 0) return {}
    const traceId = traceIdOf(id)
    const written = { traceparent: traceparent(traceId, spanIdOf(traceId, SOURCE_HOP)) }
    return Object.fromEntries(headers.map((name) => [name, written[name]]))
  }
}

/** At the first hop the generator itself has written the key. */
function keyFieldOf({ hop, canaries: { resolved } }: ReadingOf): string | null {
  if (hop.kind !== 'topic') return null
  const [first] = resolved.hops
  return hop.key ?? (first !== undefined && hopName(first) === hopName(hop) ? resolved.record.key : null)
}

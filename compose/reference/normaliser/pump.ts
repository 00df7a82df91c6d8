import type { OutgoingRecord, SourceBatch, SourceRecord, TransactionWork } from '../kafka.ts'
import { sleep } from '../lifetime.ts'
import type { Log } from '../log.ts'
import { TRADES_TOPIC, normalise } from '../trade.ts'
import type { NormalisedTrade, RawTrade } from '../trade.ts'
import { initDefects, nextDueAtMs, plantDefects, releaseAll } from './defects.ts'
import type { DefectSettings, DefectState, Effect, Passing, Planted } from './defects.ts'

export type PumpPorts = {
  /** Makes `decode` ready for these values; throws while the registry is down. */
  learn: (values: readonly (Buffer | null)[]) => Promise<void>
  decode: (value: Buffer | null) => RawTrade
  encode: (trade: NormalisedTrade) => Buffer
  write: (work: TransactionWork) => Promise<void>
  logEffects: (effects: readonly Effect[]) => void
}

export type Flowing = Passing & { headers: SourceRecord['headers'] }

type Waiting = { batch: SourceBatch; done: () => void; failed: (error: unknown) => void }

/** A little patience puts the partitions of one fetch into one transaction, and lets the transaction before be done with. */
const GATHER_MS = 20
const DEAD_LETTER_CHARS_MAX = 2_000

/**
 * Gathers the batches of all partitions that wait, and moves them in one transaction.
 * At most one batch a partition waits, since the consumer asks for the next only when one is done.
 */
export class Pump {
  private readonly ports: PumpPorts
  private readonly settings: DefectSettings
  private readonly log: Log
  private waiting: Waiting[] = []
  private defects: DefectState<Flowing> = initDefects()
  /** Next offset to take, by partition. A batch fetched again after a rebalance while its twin still waits is cut by it. */
  private readonly taken = new Map<number, bigint>()
  private wake: () => void = () => undefined
  private stopping = false
  private readonly stopped: Promise<void>

  constructor(ports: PumpPorts, settings: DefectSettings, log: Log) {
    this.ports = ports
    this.settings = settings
    this.log = log
    this.stopped = this.run()
  }

  /** Resolves when the batch's transaction is committed. */
  submit(batch: SourceBatch): Promise<void> {
    return new Promise((done, failed) => {
      this.waiting.push({ batch, done, failed })
      this.wake()
    })
  }

  /** Moves what waits and gives back what a defect holds. */
  async stop(): Promise<void> {
    this.stopping = true
    this.wake()
    await this.stopped
    const planted = releaseAll(this.defects)
    if (planted.emitted.length > 0) await this.commit(planted, new Map())
  }

  private async run(): Promise<void> {
    while (!this.stopping || this.waiting.length > 0) {
      await this.untilWork()
      if (!this.stopping) await sleep(GATHER_MS)
      const moved = this.waiting
      this.waiting = []
      try {
        await this.move(moved.map(({ batch }) => batch))
        for (const { done } of moved) done()
      } catch (error) {
        if (moved.length === 0) this.log.error({ err: error }, 'held records could not be produced and are tried again')
        for (const { failed } of moved) failed(error)
      }
    }
  }

  private async untilWork(): Promise<void> {
    if (this.waiting.length > 0 || this.stopping) return
    const dueAtMs = nextDueAtMs(this.defects)
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>((resolve) => {
      this.wake = resolve
      if (dueAtMs !== undefined) timer = setTimeout(resolve, Math.max(0, dueAtMs - Date.now()))
    })
    clearTimeout(timer)
  }

  private async move(batches: readonly SourceBatch[]): Promise<void> {
    const sources = batches.flatMap(({ partition, records }) => {
      const from = this.taken.get(partition) ?? 0n
      return records.filter(({ offset }) => offset >= from)
    })
    await this.ports.learn(sources.map(({ value }) => value))
    const records = sources.flatMap((source) => this.read(source))
    const planted = plantDefects(this.defects, { records, nowMs: Date.now() }, this.settings)
    const offsets = new Map(
      batches.map(({ partition, nextOffset }) => {
        const from = this.taken.get(partition) ?? 0n
        return [partition, nextOffset > from ? nextOffset : from]
      }),
    )
    if (offsets.size === 0 && planted.emitted.length === 0) return
    await this.commit(planted, offsets)
    for (const [partition, nextOffset] of offsets) this.taken.set(partition, nextOffset)
  }

  private async commit(planted: Planted<Flowing>, sourceOffsets: ReadonlyMap<number, bigint>): Promise<void> {
    const records = planted.emitted.map((flowing) => this.outgoing(flowing))
    await this.ports.write({ topic: TRADES_TOPIC, records, sourceOffsets })
    this.defects = planted.state
    if (planted.effects.length > 0) this.ports.logEffects(planted.effects)
  }

  private read(source: SourceRecord): Flowing[] {
    try {
      const raw = this.ports.decode(source.value)
      const { partition: rawPartition, offset: rawOffset, headers } = source
      return [{ trade: normalise(raw), sourceKey: source.key?.toString() ?? '', rawPartition, rawOffset, headers }]
    } catch (err) {
      const value = source.value?.toString('base64').slice(0, DEAD_LETTER_CHARS_MAX)
      const offset = source.offset.toString()
      this.log.error({ err, deadLetter: true, partition: source.partition, offset, value }, 'a record cannot be decoded and is left out')
      return []
    }
  }

  private outgoing({ trade, headers }: Flowing): OutgoingRecord {
    return { key: trade.symbol, value: this.ports.encode(trade), headers }
  }
}

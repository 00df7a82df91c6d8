import type { Prng } from '../core/prng.ts'
import type { SimPartition } from './partition.ts'

const ABORTED_ONE_IN = 3

/** Transactions of one writer, of which it aborts some; never two in a row: who begins again must be in time. */
export class SimTransactions {
  /** How many records were written that nobody will ever see. */
  aborted = 0
  readonly #prng: Prng
  #hasAborted = false

  constructor(prng: Prng) {
    this.#prng = prng
  }

  /**
   * What is written to `logs`, and `read`, how far the writer has read by partition, come to stand together when the
   * transaction ends, or not at all. Gives its end.
   */
  begin({ logs, read }: { logs: readonly SimPartition[]; read: Map<number, number> }, write: () => void): () => void {
    const before = [...read]
    for (const log of logs) log.begin()
    write()
    const after = [...read]
    for (const [partition, next] of before) read.set(partition, next)
    return () => {
      this.#hasAborted = !this.#hasAborted && this.#prng.chance(1, ABORTED_ONE_IN)
      if (!this.#hasAborted) for (const [partition, next] of after) read.set(partition, next)
      for (const log of logs) this.aborted += log.endTransaction(!this.#hasAborted)
    }
  }
}

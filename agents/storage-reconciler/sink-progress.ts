import type { KafkaAdmin } from '../../shared/runtime/kafka-admin.ts'
import { sinkTopic, type TableHop } from '../../topology/topology.ts'

const ASK_EVERY_MS = 2_000

/** How far the group of a table's sink has come in the topic before; nothing where the topology does not name both. */
export class SinkProgress {
  readonly #admin: Pick<KafkaAdmin, 'groupOffsets'>
  readonly #asked: { readonly group: string; readonly topic: string } | null
  readonly #nowMs: () => number
  readonly #known = new Map<number, number>()
  #askedMs = -Infinity

  constructor(
    admin: Pick<KafkaAdmin, 'groupOffsets'>,
    { sinkGroup: group, ...hop }: Pick<TableHop, 'sinkGroup' | 'sourceOffsets' | 'audit'>,
    nowMs: () => number,
  ) {
    this.#admin = admin
    const topic = sinkTopic(hop)
    this.#asked = group === null || topic === null ? null : { group, topic }
    this.#nowMs = nowMs
  }

  /** All partitions, when one of them moved since the last answer; null when none did, or it is not time to ask. Throws AssayError. */
  async moved(): Promise<{ partition: number; next: number }[] | null> {
    if (this.#asked === null || this.#nowMs() - this.#askedMs < ASK_EVERY_MS) return null
    this.#askedMs = this.#nowMs()
    const { group, topic } = this.#asked
    let isMoved = false
    for (const { partition, offset } of await this.#admin.groupOffsets(group, topic)) {
      if (offset === null || offset <= (this.#known.get(partition) ?? -1)) continue
      this.#known.set(partition, offset)
      isMoved = true
    }
    return isMoved ? [...this.#known].map(([partition, next]) => ({ partition, next })) : null
  }
}

import { canaryIdText } from '../../shared/core/identity.ts'
import type { CanaryId } from '../../shared/core/identity.ts'
import { createWriter, type RecordOutcome } from '../../shared/runtime/kafka-writer.ts'
import type { KafkaLink } from '../../shared/runtime/kafka.ts'
import { createNatsWriter } from '../../shared/runtime/nats-writer.ts'
import { subjectOf, type NatsLink } from '../../shared/runtime/nats.ts'
import type { Hop } from '../../topology/topology.ts'

/** One canary as it leaves. */
export interface OutgoingCanary {
  readonly canary: CanaryId
  /** Which of several records of the canary; 0 where there is one. */
  readonly copy: number
  readonly key: string | null
  readonly value: Buffer
  readonly headers: Readonly<Record<string, string>>
}

export interface CanaryWriter {
  /** One outcome for each, in the order given. Never rejects. Canaries of one key keep their order, from call to call. */
  write(canaries: readonly OutgoingCanary[]): Promise<readonly RecordOutcome[]>
  close(): Promise<void>
}

/** Writes to the first of the hops: a topic, or a source outside of Kafka. */
export function canaryWriter({ kafka, nats }: { kafka: KafkaLink; nats: NatsLink | null }, hops: readonly Hop[]): CanaryWriter {
  const [first] = hops
  if (first?.kind !== 'source' || nats === null) {
    const writer = createWriter(kafka)
    const topic = hops.find((hop) => hop.kind === 'topic')?.topic ?? ''
    return { write: (canaries) => writer.write(topic, canaries), close: () => writer.close() }
  }
  const writer = createNatsWriter(nats, { stream: first.stream, delivery: first.delivery })
  return {
    write: (canaries) =>
      writer.write(
        canaries.map(({ canary, copy, key, value, headers }) => ({
          // The stream drops what comes twice under one id.
          id: copy === 0 ? canaryIdText(canary) : `${canaryIdText(canary)}/${copy}`,
          subject: subjectOf(first.subject, key ?? ''),
          value,
          headers,
        })),
      ),
    close: () => writer.close(),
  }
}

import type { Consumer } from './kafka.ts'

/**
 * Leaves a consumer group. `joining` resolves when `run` of the consumer has: kafkajs joins on whatever it is told meanwhile, and
 * one that is disconnected before would be a member that nobody knows of.
 */
export async function leaveGroup(consumer: Consumer | null, joining: Promise<void>): Promise<void> {
  await joining
  await consumer?.disconnect().catch(() => undefined)
}

import type { AgentBase } from '../../shared/core/acceptance.ts'
import { keepNewest } from '../../shared/core/bounded.ts'
import type { BusEvent } from '../../shared/core/bus-events.ts'
import { SILENT_MS } from '../../shared/core/shares.ts'

/** Which injectors are there, by their heartbeats. Unix ms of this instance's clock. */
export interface Presence {
  /** When each instance was last heard. */
  readonly heardMs: Map<string, number>
  /** When any agent was, this one included. */
  anyHeardMs: number
  /** Since when the topic has been heard without a gap. */
  wholeSinceMs: number
}

const INSTANCES_KEPT_MAX = 256
/** Every agent is heard each five seconds. After a gap, what was said in it may still wait with those who said it. */
const GAP_MS = SILENT_MS / 2

export const nobody = (): Presence => ({ heardMs: new Map(), anyHeardMs: -Infinity, wholeSinceMs: -Infinity })

export function foldPresence(presence: Presence, event: BusEvent, { nowMs, caughtUp }: Pick<AgentBase, 'nowMs' | 'caughtUp'>): void {
  if (event.type !== 'fact' || event.fact.kind !== 'agent-heartbeat' || !caughtUp) return
  if (nowMs - presence.anyHeardMs > GAP_MS) presence.wholeSinceMs = nowMs
  presence.anyHeardMs = nowMs
  if (event.fact.agent !== 'chaos-injector') return
  presence.heardMs.set(event.fact.instance, nowMs)
  keepNewest(presence.heardMs, INSTANCES_KEPT_MAX)
}

/** Whether an instance is not heard, though the topic is. While the topic stands still nobody can say. */
export function isSilent(presence: Presence, instance: string, nowMs: number): boolean {
  if (nowMs - presence.anyHeardMs > GAP_MS) return false
  return nowMs - Math.max(presence.wholeSinceMs, presence.heardMs.get(instance) ?? -Infinity) >= SILENT_MS
}

import type { BusEffect, BusEvent } from '../../shared/core/bus-events.ts'
import type { FaultName } from './faults/faults.ts'
import type { At } from './standing.ts'

export type InjectorEvent =
  | BusEvent
  /** The fault stands and took hold: just injected, or found standing after a restart. */
  | (At & { readonly type: 'bitten'; readonly injectedAtMs: number; readonly evidence: string; readonly detail: string })
  /** The lease has ended, by whomever; or, not ok, the fault would not go. */
  | (At & { readonly type: 'healed'; readonly ok: boolean; readonly healedAtMs: number; readonly detail: string })
  /** There is no lease in the state folder, and no trace of one. */
  | (At & { readonly type: 'no-lease'; readonly detail: string })
  | (At & { readonly type: 'leases-cleared'; readonly ok: boolean; readonly detail: string })

/** What a lease was found to be, or came to. */
export type LeaseEvent = Exclude<InjectorEvent, BusEvent | { type: 'leases-cleared' }>

export type InjectorEffect =
  | BusEffect
  /** The journalled fact on the topic, lease on disk, watchdog, injection, evidence, in this order. Never a second time. */
  | (At & {
      readonly type: 'inject'
      readonly fault: FaultName
      readonly target: string
      readonly leaseMs: number
      readonly leaseUntilMs: number
    })
  | (At & { readonly type: 'heal'; readonly target: string })
  | (At & { readonly type: 'look-at-lease'; readonly target: string })
  | (At & { readonly type: 'clear-leases' })
export type WorldEffect = Exclude<InjectorEffect, BusEffect>

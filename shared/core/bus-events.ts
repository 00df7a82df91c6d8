import type { ControlMessage } from '../../schemas/control.ts'
import type { ResultMessage } from '../../schemas/results.ts'

/**
 * What every core hears. No order holds between the two topics, and everything may come twice; within one run the
 * results topic is in order (it is keyed by run), and so is the control topic (it has one partition).
 */
export type BusEvent =
  | { readonly type: 'control'; readonly offset: number; readonly atMs: number; readonly message: ControlMessage }
  | { readonly type: 'control-unreadable'; readonly offset: number; readonly problems: readonly string[]; readonly excerpt: string }
  | { readonly type: 'fact'; readonly fact: ResultMessage }
  /** Both topics have been folded up to where they ended when the agent started: from here on it may decide. */
  | { readonly type: 'caught-up'; readonly atMs: number }
  | { readonly type: 'tick'; readonly atMs: number }
  /** Kafka has shared out the work among the instances of the agent anew: the slots that are this one's, of so many. */
  | { readonly type: 'shares-changed'; readonly of: number; readonly held: readonly number[] }

/** What every core may say. */
export type BusEffect =
  | { readonly type: 'publish'; readonly fact: ResultMessage }
  | { readonly type: 'request'; readonly message: ControlMessage }
  /** There are other instances of the agent: takes part in their group, once. */
  | { readonly type: 'share-work' }

export const isBusEvent = (event: { readonly type: string }): event is BusEvent => busEventTypes.has(event.type)
const busEventTypes = new Set(['control', 'control-unreadable', 'fact', 'caught-up', 'tick', 'shares-changed'])

export const isBusEffect = (effect: { readonly type: string }): effect is BusEffect =>
  effect.type === 'publish' || effect.type === 'request' || effect.type === 'share-work'

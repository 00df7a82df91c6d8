import { agentNames, type AgentName } from '../../shared/core/agent.ts'
import type { Defect } from '../reference/normaliser/defects.ts'
import type { NatsWish } from './nats-wish.ts'

export const AGENTS = agentNames

/** What a demo is asked to show. */
export interface DemoWish {
  readonly plan: string
  readonly parameters: Readonly<Record<string, string>>
  readonly defect: Defect | null
  /** Null leaves the normaliser's own default. */
  readonly defectEvery: number | null
  readonly without: readonly AgentName[]
  /** Counted from the acceptance of the run. */
  readonly kills: readonly { readonly agent: AgentName; readonly afterMs: number }[]
  /** Whether canaries go in over NATS. */
  readonly nats: NatsWish
  readonly json: boolean
}

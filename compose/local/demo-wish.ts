import { agentNames, type AgentName } from '../../shared/core/agent.ts'

export const AGENTS = agentNames

/** As the normaliser names them. */
export const DEFECTS = ['skip', 'double', 'change', 'cut-decimals', 'drop-headers', 'reorder', 'delay'] as const
export type Defect = (typeof DEFECTS)[number]

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
  readonly nats: boolean
  readonly json: boolean
}

import type { ProbeAnswer } from './probes.ts'

export type StepName =
  | 'nats'
  | 'gateway'
  | 'kafka-format'
  | 'kafka'
  | 's3'
  | 'registry'
  | 'catalog'
  | 'setup'
  | 'connect'
  | 'market-sink'
  | 'normaliser'
  | 'feed'
  | 'keeper'
  | 'api'

export interface StepProcess {
  command: string
  args: readonly string[]
  env: Readonly<Record<string, string>>
  ports: Readonly<Record<string, number>>
  healthUrl?: string
}

/** One line of the start-up: a process that becomes healthy, a task that ends with 0, or an action repeated until it succeeds. */
export type Step = { name: StepName; needs: readonly StepName[] } & (
  | { kind: 'service'; process: StepProcess; probe: () => Promise<ProbeAnswer> }
  | { kind: 'task'; process: StepProcess }
  | { kind: 'action'; act: () => Promise<ProbeAnswer> }
)

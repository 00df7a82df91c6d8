/**
 * The shape every agent has.
 *
 * A core is a fold over events: it holds all of the agent's decisions and none of its I/O. Time, chance and the
 * outcome of every effect reach it as events, so the same events always give the same effects, and the simulator
 * runs the real core instead of a stand-in.
 *
 * `step` owns the state it is given: it may change it in place and must return it. Nobody keeps the old one.
 */
export interface AgentCore<Config, State, Event, Effect> {
  readonly name: AgentName
  init(config: Config): State
  step(state: State, event: Event): Step<State, Effect>
}

export interface Step<State, Effect> {
  readonly state: State
  readonly effects: readonly Effect[]
}

export const agentNames = ['generator', 'ingestion-checker', 'storage-reconciler', 'query-prober', 'chaos-injector', 'reporter'] as const
export type AgentName = (typeof agentNames)[number]

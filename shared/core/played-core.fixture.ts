import type { ResultMessage } from '../../schemas/results.ts'
import type { AgentBaseConfig } from './acceptance.ts'
import type { AgentCore, AgentName } from './agent.ts'
import type { BusEvent } from './bus-events.ts'
import { recordSchema, topology } from './told-run.fixture.ts'

export const configOf = (agent: AgentName): AgentBaseConfig => ({
  speaker: { agent, instance: '1' },
  plans: new Map(),
  topology,
  recordSchema,
})

interface Typed {
  readonly type: string
}

/** One real core on a clock of its own, hearing what it says as it would on the bus. */
export class PlayedCore<State, Event extends Typed, Effect extends Typed> {
  readonly #core: AgentCore<AgentBaseConfig, State, Event | BusEvent, Effect>
  #state: State
  nowMs = 0
  /** Everything on the results topic, in order. */
  readonly topic: ResultMessage[] = []
  /** What this core said. */
  said: ResultMessage[] = []
  /** What it asked of its shell. */
  asked: Effect[] = []
  readonly #last = new Map<string, Effect>()

  constructor(core: AgentCore<AgentBaseConfig, State, Event | BusEvent, Effect>) {
    this.#core = core
    this.#state = core.init(configOf(core.name))
  }

  hear(...facts: ResultMessage[]): this {
    for (const fact of facts) {
      this.topic.push(fact)
      this.step({ type: 'fact', fact })
    }
    return this
  }

  step(event: Event | BusEvent): this {
    const { state, effects } = this.#core.step(this.#state, event)
    this.#state = state
    for (const effect of effects) this.#take(effect)
    return this
  }

  caughtUp(): this {
    return this.step({ type: 'caught-up', atMs: this.nowMs })
  }

  /** Ticks until then. */
  until(atMs: number, everyMs = 200): this {
    while (this.nowMs < atMs) {
      this.nowMs = Math.min(atMs, this.nowMs + everyMs)
      this.step({ type: 'tick', atMs: this.nowMs })
    }
    return this
  }

  /** Killed, and started again: only the topic is left. */
  restart(): this {
    this.#state = this.#core.init(configOf(this.#core.name))
    this.asked = []
    this.said = []
    for (const fact of this.topic) this.step({ type: 'fact', fact })
    return this.caughtUp()
  }

  /** Takes what was asked so far of one type. */
  take<Type extends Effect['type']>(type: Type): Extract<Effect, { type: Type }>[] {
    const isOfType = (effect: Effect): effect is Extract<Effect, { type: Type }> => effect.type === type
    const taken = this.asked.filter(isOfType)
    this.asked = this.asked.filter((effect) => !isOfType(effect))
    return taken
  }

  /** What was asked last of one type, whether it was taken or not. */
  lastAsked<Type extends Effect['type']>(type: Type): Extract<Effect, { type: Type }> | undefined {
    return this.#last.get(type) as Extract<Effect, { type: Type }> | undefined
  }

  saidOf<Kind extends ResultMessage['kind']>(kind: Kind): Extract<ResultMessage, { kind: Kind }>[] {
    return this.said.filter((fact): fact is Extract<ResultMessage, { kind: Kind }> => fact.kind === kind)
  }

  #take(effect: Effect): void {
    if (effect.type !== 'publish' || !('fact' in effect)) {
      this.asked.push(effect)
      this.#last.set(effect.type, effect)
      return
    }
    const fact = effect.fact as ResultMessage
    this.said.push(fact)
    this.hear(fact)
  }
}

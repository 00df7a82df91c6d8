import type { ControlMessage } from '../../schemas/control.ts'
import { resultMessage, type ResultMessage } from '../../schemas/results.ts'
import type { AgentBaseConfig } from '../../shared/core/acceptance.ts'
import type { AgentCore, AgentName } from '../../shared/core/agent.ts'
import { isBusEffect, type BusEffect, type BusEvent } from '../../shared/core/bus-events.ts'
import type { Prng } from '../../shared/core/prng.ts'
import type { SimClock } from '../../shared/sim/clock.ts'
import type { OtherDefect } from '../../shared/sim/all-traffic.ts'
import type { SimGroup } from '../../shared/sim/group.ts'
import type { SimPipeline } from '../../shared/sim/pipeline.ts'
import type { Subscription, TopicLog } from '../../shared/sim/topic-log.ts'
import type { Topology } from '../../topology/topology.ts'
import { RECORD_SCHEMA } from './topology.ts'

export interface ShellContext {
  readonly clock: SimClock
  /** The pipeline as a run sees it. */
  readonly pipelineOf: (runId: string) => SimPipeline
  readonly prng: Prng
  readonly publish: (fact: ResultMessage) => void
  /** So long the generator sits on each canary beyond its time. */
  readonly generatorLagMs: number
  /** What the sink does wrong to records of others. */
  readonly otherDefect: OtherDefect | 'none'
  /** A timer that dies with the process. */
  readonly later: (delayMs: number, run: () => void) => void
  /** How often the reading of a run was stopped. */
  readonly stopped: Map<string, number>
}

export interface SimAgent<Event extends { readonly type: string }, Effect extends { readonly type: string }> {
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- the state is the core's own affair
  readonly core: AgentCore<AgentBaseConfig, any, Event | BusEvent, Effect | BusEffect>
  perform(context: ShellContext, effect: Effect, send: (event: Event) => void): void
}

export interface Deaf {
  readonly agent: AgentName
  readonly fromMs: number
  readonly untilMs: number
}

export interface World {
  readonly clock: SimClock
  readonly prng: Prng
  readonly pipelineOf: (runId: string) => SimPipeline
  readonly topology: Topology
  readonly control: TopicLog<ControlMessage>
  readonly results: TopicLog<ResultMessage>
  readonly plans: ReadonlyMap<string, string>
  readonly generatorLagMs?: number
  /** What is said and does not come to stand on the topic. */
  readonly hides?: (fact: ResultMessage) => boolean
  readonly otherDefect?: OtherDefect | 'none'
  /** An agent that the results topic reaches late for a while: what is said in between it hears at the end. */
  readonly deaf?: Deaf | undefined
  readonly trace: (line: string) => void
}

const TICK_MS = 200
/** From saying to standing on the topic: what is in between dies with the process. */
const PUBLISH_MS = 25

/** Which of several instances of its agent a process is, and where they share out their work. */
export interface Membership {
  readonly instance: string
  /** Null where there is one instance alone. */
  readonly group: SimGroup | null
}

const HEARTBEAT_MS = 5_000

/** A process: it can be started, killed at any moment, and started again with nothing but the two topics. */
export function createProcess<Event extends { readonly type: string }, Effect extends { readonly type: string }>(
  world: World,
  agent: SimAgent<Event, Effect>,
  { instance, group }: Membership = { instance: '0', group: null },
) {
  let life = 0
  let stateOf: () => unknown = () => null
  let subscriptions: readonly Subscription[] = []
  const start = () => {
    const thisLife = ++life
    const { clock, control, trace, plans, topology } = world
    const alive = () => life === thisLife
    const prng = world.prng.stream(`${agent.core.name}/${instance === '0' ? '' : `${instance}/`}${thisLife}`)
    const later = (delayMs: number, run: () => void) => {
      clock.later(delayMs, () => {
        if (alive()) run()
      })
    }
    const publish = createPublisher(world, { prng, later })
    const { pipelineOf, generatorLagMs = 0, otherDefect = 'none' } = world
    const context: ShellContext = { clock, pipelineOf, generatorLagMs, otherDefect, prng, publish, later, stopped: new Map() }
    let state: unknown = agent.core.init({ plans, topology, speaker: { agent: agent.core.name, instance }, recordSchema: RECORD_SCHEMA })
    const send = (event: Event | BusEvent): void => {
      if (!alive()) return
      trace(`${clock.nowMs()} ${agent.core.name} <- ${event.type}`)
      const step = agent.core.step(state, event)
      state = step.state
      for (const effect of step.effects) perform(effect)
    }
    const perform = (effect: Effect | BusEffect): void => {
      if (!isBusEffect(effect)) agent.perform(context, effect as Effect, send)
      else if (effect.type === 'publish') publish(effect.fact)
      else if (effect.type === 'request')
        later(prng.below(PUBLISH_MS), () => {
          control.append(effect.message)
        })
      else
        group?.join(instance, (shares) => {
          send({ type: 'shares-changed', ...shares })
        })
    }
    subscriptions = subscribe(world, send, world.deaf?.agent === agent.core.name ? world.deaf : null)
    stateOf = () => state
    const tick = () => {
      send({ type: 'tick', atMs: clock.nowMs() })
      later(TICK_MS, tick)
    }
    later(prng.below(TICK_MS), tick)
    if (group !== null) startHeart(context, { agent: agent.core.name, instance })
  }
  const end = () => {
    life++
    for (const subscription of subscriptions) subscription.close()
  }
  return {
    name: agent.core.name,
    start,
    kill: () => {
      end()
      group?.miss(instance)
    },
    /** Ends in order: the group hears of it. */
    stop: () => {
      end()
      group?.leave(instance)
    },
    /** The core's state, to look at its size. */
    state: () => stateOf(),
  }
}

/** In order; what is not on the topic yet dies with the process. */
function createPublisher({ clock, results, hides }: World, { prng, later }: Pick<ShellContext, 'prng' | 'later'>) {
  let publishedUntilMs = clock.nowMs()
  return (fact: ResultMessage) => {
    const parsed = resultMessage.parse(fact)
    if (hides?.(parsed) === true) return
    publishedUntilMs = Math.max(publishedUntilMs, clock.nowMs() + prng.below(PUBLISH_MS))
    later(publishedUntilMs - clock.nowMs(), () => {
      results.append(parsed)
    })
  }
}

/** By these the instances of an agent know of each other. */
function startHeart({ clock, publish, later }: ShellContext, speaker: { agent: string; instance: string }): void {
  const startedAtMs = clock.nowMs()
  const beat = () => {
    publish({ kind: 'agent-heartbeat', ...speaker, atMs: clock.nowMs(), startedAtMs, version: 'sim', residentBytes: 1 })
    later(HEARTBEAT_MS, beat)
  }
  beat()
}

function subscribe({ clock, control, results }: World, send: (event: BusEvent) => void, deaf: Deaf | null): Subscription[] {
  let toCatchUp = 2
  const caughtUp = () => {
    if (--toCatchUp === 0) send({ type: 'caught-up', atMs: clock.nowMs() })
  }
  const whenHeard = (hear: () => void) => {
    const nowMs = clock.nowMs()
    if (deaf === null || nowMs < deaf.fromMs || nowMs >= deaf.untilMs) hear()
    else clock.later(deaf.untilMs - nowMs, hear)
  }
  return [
    control.subscribe(({ offset, atMs, message }) => {
      send({ type: 'control', offset, atMs, message })
    }, caughtUp),
    results.subscribe(
      ({ message }) => {
        whenHeard(() => {
          send({ type: 'fact', fact: message })
        })
      },
      () => {
        whenHeard(caughtUp)
      },
    ),
  ]
}

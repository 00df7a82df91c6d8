import { isBusEffect } from '../../shared/core/bus-events.ts'
import type { StreamRanges } from '../../schemas/parts.ts'
import type { FaultPhase } from '../../schemas/results/fault-changed.ts'
import type { Fact, ResultMessage, RunFact } from '../../schemas/results.ts'
import type { AgentBaseConfig } from '../../shared/core/acceptance.ts'
import { emptyLatency } from '../../shared/core/latency-sketch.ts'
import { planSchema } from '../../topology/plan.ts'
import { tableHop, topicHop, type Hop, type Topology } from '../../topology/topology.ts'
import { injectorCore } from './core.ts'
import type { InjectorEvent, WorldEffect } from './events.ts'
import type { InjectorState } from './fault-work.ts'

export const RUN = '01999999-0000-7000-8000-000000000001'
export const AFTER_MS = 1_000
export const DURATION_MS = 4_000
export const LEASE_MS = 8_000
export const RECOVER_WITHIN_MS = 10_000
export const TIMEOUT_MS = 60_000
const TICK_MS = 200
const HEARTBEAT_MS = 5_000
const ME = 't'

const deadlines = { deliverWithinMs: 5_000, giveUpAfterMs: 5_000 }
const hops: Hop[] = [
  topicHop.parse({ kind: 'topic', topic: 'raw', ...deadlines }),
  tableHop.parse({ kind: 'table', namespace: 'lake', table: 'trades', ...deadlines }),
]
const record = {
  subject: 'raw-value',
  identity: 'trade_id',
  marker: { field: 'venue', value: 'X' },
  key: 'symbol',
  eventTime: null,
  fields: {},
}
const topology: Topology = {
  version: 1,
  name: 'told',
  connections: {
    kafka: { bootstrap: 'sim', security: { ssl: false, sasl: null } },
    registry: { url: 'http://sim' },
    catalog: { url: 'http://sim', token: null, warehouse: null },
    s3: { endpoint: 'http://sim', region: 'sim', accessKey: '', secretKey: '' },
  },
  record,
  hops,
  chaos: { targets: { connect: { driver: 'process', pidFile: 'sim', faults: ['pause'], leaseMsMax: 60_000 } } },
}
const plan = planSchema.parse({
  version: 1,
  name: 'told',
  load: { canaries: 1_000, ratePerSecond: 100, streams: 1 },
  stages: [
    { stage: 'produce', task: 'produce' },
    {
      stage: 'pause-sink',
      task: 'inject-fault',
      needsStarted: ['produce'],
      target: 'connect',
      fault: 'pause',
      afterMs: AFTER_MS,
      durationMs: DURATION_MS,
      leaseMs: LEASE_MS,
      recoverWithinMs: RECOVER_WITHIN_MS,
      timeoutMs: TIMEOUT_MS,
    },
    { stage: 'heal', task: 'heal', needs: ['pause-sink'], always: true, timeoutMs: 20_000 },
  ],
})
const config: AgentBaseConfig = { speaker: { agent: 'chaos-injector', instance: ME }, plans: new Map(), topology, recordSchema: '{}' }
const resolved = JSON.stringify({
  plan,
  topology: 'told',
  record,
  recordSchema: '{}',
  hops,
  chaosTargets: ['connect'],
  seed: 7,
})

type LeaseState = 'none' | 'open' | 'ended'

/** What a story may plant in the world. */
export interface Flaws {
  /** The fault never takes hold. */
  bites?: boolean
  /** The fault would not go. */
  heals?: boolean
  /** The world takes an effect, and the injector dies before it hears of it. */
  silentOn?: WorldEffect['type']
}

/** The real core on a virtual clock, with a world of one target whose lease outlives the core. */
export class Story {
  nowMs = 1_000_000
  lease: LeaseState = 'none'
  injections = 0
  #healedAtMs = 0
  #injectedAtMs = 0
  readonly flaws: Flaws
  readonly facts: ResultMessage[] = []
  readonly effects: { type: string; atMs: number }[] = []
  #state: InjectorState = injectorCore.init(config)
  #later: InjectorEvent[] = []
  #snapshots = 0
  /** Injectors whose heartbeats come through: none while the topic stands still. */
  readonly beating = new Set([ME])

  constructor(flaws: Flaws = {}) {
    this.flaws = flaws
    this.restart()
    const requestedAtMs = this.nowMs
    this.tell({ kind: 'run-accepted', controlOffset: 0, requestedAtMs, requestedBy: 't', window: null, planName: 'told', resolved })
    this.tell({
      kind: 'stage-started',
      stage: 'produce',
      epochMs: this.nowMs,
      positions: [],
      snapshotId: null,
      sequenceNumber: null,
      tableUuid: null,
      topicIds: [],
    })
  }

  tell(fact: DistributiveOmit<RunFact, 'runId' | 'agent' | 'instance' | 'atMs'>): void {
    this.#hear({ runId: RUN, agent: 'other', instance: 'o', atMs: this.nowMs, ...fact } as RunFact)
  }

  produced(first: number, last: number): void {
    const nothing = { unknown: [], failed: [], offsets: [], latency: emptyLatency(), heldBackMs: 0 }
    this.tell({ kind: 'canaries-produced', hop: 'topic:raw', acknowledged: one(first, last), ...nothing })
  }

  producedAll(): void {
    this.tell({ kind: 'stage-ended', stage: 'produce', outcome: 'ok', reason: '' })
  }

  snapshot(first: number, last: number, committedAtMs = this.nowMs): void {
    this.tell({
      kind: 'snapshot-reconciled',
      hop: 'table:lake.trades',
      snapshotId: String(++this.#snapshots),
      parentId: String(this.#snapshots - 1),
      committedAtMs,
      operation: 'append',
      canaries: one(first, last),
      repeats: [],
      filesAdded: 1,
      rowsAdded: 1,
      bytesAdded: 1,
      removed: [],
      late: [],
      latency: emptyLatency(),
      sourceOffsets: [],
    })
  }

  lost(first: number, last: number): void {
    const nowhere = { field: null, partition: null, offset: null, snapshotId: null, file: null, traceId: '', difference: null, rule: null }
    this.tell({
      kind: 'violation-found',
      violation: 'lost',
      hop: 'topic:raw',
      stream: 0,
      ranges: [first, last],
      expected: '',
      actual: '',
      ...nowhere,
    })
  }

  judged(): void {
    const counts = { factsHeard: 0, acknowledged: 0, unknown: 0, failed: 0, hops: [], recoveries: [], reports: [] }
    this.tell({ kind: 'run-judged', verdict: 'inconclusive', reasons: [], gravest: null, revision: 0, ...counts })
  }

  cancel(): void {
    const message = { kind: 'run-cancelled', runId: RUN, requestedBy: 't', reason: 'enough' } as const
    this.step({ type: 'control', offset: 1, atMs: this.nowMs, message })
  }

  /** The watchdog or the stop command: the lease ends without the injector. */
  healedByOthers(): void {
    this.lease = 'ended'
    this.#healedAtMs = this.nowMs
  }

  run(ms: number): void {
    for (const untilMs = this.nowMs + ms; this.nowMs < untilMs;) {
      this.nowMs += TICK_MS
      for (const event of this.#later.splice(0)) this.step(event)
      if (this.nowMs % HEARTBEAT_MS === 0) for (const instance of this.beating) this.#beat(instance)
      this.step({ type: 'tick', atMs: this.nowMs })
    }
  }

  /** Ticks until the phase is told; false when it is not within the limit. */
  runUntil(phase: FaultPhase, limitMs = 120_000): boolean {
    for (const untilMs = this.nowMs + limitMs; this.nowMs < untilMs && !this.phases.includes(phase);) this.run(TICK_MS)
    return this.phases.includes(phase)
  }

  /** Kill and start again: only the log, the journal and the world are left. */
  restart(downMs = 0): void {
    this.nowMs += downMs
    this.#later = []
    this.#state = injectorCore.init(config)
    for (const fact of this.facts) this.step({ type: 'fact', fact })
    this.step({ type: 'caught-up', atMs: this.nowMs })
  }

  get changes(): Fact<'fault-changed'>[] {
    return this.facts.filter((fact) => fact.kind === 'fault-changed')
  }

  get phases(): FaultPhase[] {
    return this.changes.map(({ phase }) => phase)
  }

  change(phase: FaultPhase): Fact<'fault-changed'> | undefined {
    return this.changes.find((change) => change.phase === phase)
  }

  ended(stage = 'pause-sink'): Fact<'stage-ended'> | undefined {
    return this.facts.find((fact) => fact.kind === 'stage-ended' && fact.stage === stage) as Fact<'stage-ended'> | undefined
  }

  /** What another injector says. */
  said(instance: string, phase: FaultPhase, leaseUntilMs = this.nowMs + LEASE_MS): void {
    const fault = { stage: 'pause-sink', fault: 'pause', target: 'connect', phase, leaseUntilMs, recoveryMs: null, detail: 'said' }
    this.#hear({ kind: 'fault-changed', runId: RUN, agent: 'chaos-injector', instance, atMs: this.nowMs, ...fault })
  }

  #beat(instance: string): void {
    const fact = { kind: 'agent-heartbeat', agent: 'chaos-injector', instance, atMs: this.nowMs } as const
    this.step({ type: 'fact', fact: { ...fact, startedAtMs: 0, version: 't', residentBytes: 1 } })
  }

  #hear(fact: ResultMessage): void {
    this.facts.push(fact)
    this.step({ type: 'fact', fact })
  }

  step(event: InjectorEvent): void {
    const { state, effects } = injectorCore.step(this.#state, event)
    this.#state = state
    for (const effect of effects) {
      if (effect.type === 'publish') this.#hear(effect.fact)
      else if (!isBusEffect(effect)) this.#perform(effect)
    }
  }

  #perform(effect: WorldEffect): void {
    this.effects.push({ type: effect.type, atMs: this.nowMs })
    const event = this.#answer(effect)
    if (this.flaws.silentOn !== effect.type) this.#later.push(event)
  }

  #answer(effect: WorldEffect): InjectorEvent {
    const at = { runId: effect.runId, stage: effect.stage }
    switch (effect.type) {
      case 'inject':
        if (this.lease !== 'none') return this.#look(at)
        this.injections++
        this.#injectedAtMs = this.nowMs
        this.lease = 'open'
        return this.flaws.bites === false ? this.#heal(at) : this.#look(at)
      case 'look-at-lease':
        return this.#look(at)
      case 'heal':
        return this.lease === 'none' ? this.#look(at) : this.#heal(at)
      case 'clear-leases': {
        const { ok, detail } = this.lease === 'open' ? this.#heal(at) : { ok: true, detail: 'no fault stands' }
        return { type: 'leases-cleared', ...at, ok, detail }
      }
      default:
        return effect satisfies never
    }
  }

  #look(at: { runId: string; stage: string }): InjectorEvent {
    if (this.lease === 'open') return { type: 'bitten', ...at, injectedAtMs: this.#injectedAtMs, evidence: 'state T', detail: 'lease' }
    return this.lease === 'none' ? { type: 'no-lease', ...at, detail: 'no lease' } : this.#healed(at)
  }

  #heal(at: { runId: string; stage: string }) {
    if (this.flaws.heals === false) return { ...this.#healed(at), ok: false, detail: 'it would not go' }
    if (this.lease === 'open') this.healedByOthers()
    return this.#healed(at)
  }

  #healed(at: { runId: string; stage: string }) {
    return { type: 'healed', ...at, ok: true, healedAtMs: this.#healedAtMs, detail: 'state S' } as const
  }
}

export const one = (first: number, last: number): StreamRanges[] => [{ stream: 0, ranges: [first, last] }]

type DistributiveOmit<Union, Keys extends PropertyKey> = Union extends unknown ? Omit<Union, Keys> : never

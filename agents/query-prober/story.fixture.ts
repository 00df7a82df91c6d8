import type { StreamRanges } from '../../schemas/parts.ts'
import type { Fact, ResultMessage, RunFact } from '../../schemas/results.ts'
import type { AgentBaseConfig } from '../../shared/core/acceptance.ts'
import { CanarySet } from '../../shared/core/canary-set.ts'
import { emptyEvidence, foldEvidence, standingViolations, type Evidence } from '../../shared/core/evidence.ts'
import { emptyLatency } from '../../shared/core/latency-sketch.ts'
import { members } from '../../shared/core/range-set.ts'
import { proberCore, type ProberState } from './core.ts'
import type { Answer, ProberEffect, ProberEvent, Question } from './events.ts'
import type { SnapshotSeen } from './probes/lineage.ts'
import { LOOKUP, resolvedText, RUN, topology, WINDOW } from './story-topology.fixture.ts'
import { spanOf } from './verdicts.ts'

export { LOOKUP, RUN, WINDOW }

const config: AgentBaseConfig = { speaker: { agent: 'query-prober', instance: 't' }, plans: new Map(), topology, recordSchema: '{}' }

/** What the API under test does with a question; `right` is what it should say. */
export type ApiUnderTest = (asked: { hop: string; question: Question; atMs: number }, right: Answer) => Partial<Answer>

const TICK_MS = 200

/** The real core on a virtual clock, with an API that reads the snapshots told. */
export class Story {
  nowMs = 1_000_000
  api: ApiUnderTest
  /** Its snapshots are those told, and `untold`. */
  catalog: 'up' | 'down' = 'up'
  readonly untold: SnapshotSeen[] = []
  /** Why no answer can be computed; null where one can. */
  refused: (() => string) | null = null
  readonly asked: { hop: string; question: Question; isSuspect: boolean }[] = []
  readonly looks: number[] = []
  readonly facts: ResultMessage[] = []
  #state: ProberState = proberCore.init(config)
  #later: { atMs: number; event: ProberEvent }[] = []
  #snapshots = 0

  constructor(api: ApiUnderTest = () => ({})) {
    this.api = api
    this.#restart()
    this.tell({
      kind: 'run-accepted',
      controlOffset: 0,
      requestedAtMs: this.nowMs,
      requestedBy: 't',
      window: null,
      planName: 'told',
      resolved: resolvedText,
    })
    for (const stage of ['sight', 'reconcile', 'produce']) this.start(stage)
  }

  tell(fact: DistributiveOmit<RunFact, 'runId' | 'agent' | 'instance' | 'atMs'>): void {
    this.#hear({ runId: RUN, agent: 'other', instance: 'o', atMs: this.nowMs, ...fact } as RunFact)
  }

  start(stage: string): void {
    this.tell({
      kind: 'stage-started',
      stage,
      epochMs: this.nowMs,
      positions: [],
      snapshotId: '0',
      sequenceNumber: null,
      tableUuid: null,
      topicIds: [],
    })
  }

  end(stage: string): void {
    this.tell({ kind: 'stage-ended', stage, outcome: 'ok', reason: '' })
  }

  /** Acknowledged, and sighted in the topic. */
  produced(canaries: StreamRanges[]): void {
    this.tell({
      kind: 'canaries-produced',
      hop: 'topic:raw',
      acknowledged: canaries,
      unknown: [],
      failed: [],
      offsets: [],
      latency: emptyLatency(),
      heldBackMs: 0,
    })
    this.sighted(canaries)
  }

  sighted(canaries: StreamRanges[]): void {
    const offset = this.facts.length
    const covered = [{ partition: 0, offsetFirst: offset, offsetLast: offset }]
    this.tell({
      kind: 'hop-sighted',
      hop: 'topic:raw',
      covered,
      canaries,
      repeats: [],
      disordered: [],
      late: [],
      latency: emptyLatency(),
      lasts: [],
      otherRecords: 0,
    })
  }

  /** The next snapshot of the table, told by the reconciler. */
  snapshot(canaries: StreamRanges[], said: Partial<Fact<'snapshot-reconciled'>> = {}): string {
    const parentId = String(this.#snapshots)
    const snapshotId = String(++this.#snapshots)
    const none = { filesAdded: 1, rowsAdded: 1, bytesAdded: 1, repeats: [], removed: [], late: [], sourceOffsets: [] }
    this.tell({
      kind: 'snapshot-reconciled',
      ...{ hop: 'table:lake.trades', snapshotId, parentId, operation: 'append' },
      ...{ canaries, ...none, committedAtMs: this.nowMs, latency: emptyLatency(), ...said },
    })
    return snapshotId
  }

  accused(violation: Fact<'violation-found'>['violation'], { stream, seq }: { stream: number; seq: number }, hop = 'topic:raw'): void {
    const nowhere = { field: null, partition: null, offset: null, snapshotId: null, file: null, traceId: '', difference: null, rule: null }
    this.tell({ kind: 'violation-found', violation, hop, stream, ranges: [seq, seq], expected: '', actual: '', ...nowhere })
  }

  run(ms: number): void {
    for (const untilMs = this.nowMs + ms; this.nowMs < untilMs && !this.hasEnded;) {
      this.nowMs += TICK_MS
      for (const { event } of this.#later.splice(0).sort((a, b) => a.atMs - b.atMs)) this.#step(event)
      this.#step({ type: 'tick', atMs: this.nowMs })
    }
  }

  /** Kill and start again: only the log is left. */
  #restart(): void {
    this.#state = proberCore.init(config)
    this.#later = []
    for (const fact of this.facts) this.#step({ type: 'fact', fact })
    this.#step({ type: 'caught-up', atMs: this.nowMs })
  }

  restart(): void {
    this.#restart()
  }

  get hasEnded(): boolean {
    return this.ended !== undefined
  }

  get ended(): Fact<'stage-ended'> | undefined {
    return this.facts.find((fact): fact is Fact<'stage-ended'> => fact.kind === 'stage-ended' && fact.stage === 'probe')
  }

  get evidence(): Evidence {
    const evidence = emptyEvidence()
    for (const fact of this.facts) if ('runId' in fact) foldEvidence(evidence, fact)
    return evidence
  }

  get violations(): string[] {
    return standingViolations(this.evidence)
      .filter(({ agent }) => agent === 'query-prober')
      .map(({ violation, hop, stream, ranges, field }) => `${violation} ${hop} ${stream}/${ranges.join('-')} ${field ?? ''}`.trim())
  }

  compared(hop: string): number {
    return this.evidence.probes.get(hop)?.compared.size ?? 0
  }

  #hear(fact: ResultMessage): void {
    this.facts.push(fact)
    this.#step({ type: 'fact', fact })
  }

  #step(event: ProberEvent): void {
    const { state, effects } = proberCore.step(this.#state, event)
    this.#state = state
    for (const effect of effects) this.#perform(effect)
  }

  #perform(effect: ProberEffect): void {
    if (effect.type === 'publish') this.#hear(effect.fact)
    if (effect.type === 'look-at-lineage') {
      this.looks.push(this.nowMs)
      const snapshots = [...this.evidence.snapshots, ...this.untold]
      const event: ProberEvent =
        this.catalog === 'up'
          ? { type: 'lineage-seen', runId: RUN, atMs: this.nowMs, snapshots }
          : { type: 'lineage-unseen', runId: RUN, hop: effect.hop, reason: 'catalog away' }
      this.#later.push({ atMs: this.nowMs, event })
    }
    if (effect.type !== 'ask') return
    const { hop, question, id, intendedAtMs, isSuspect } = effect
    this.asked.push({ hop, question, isSuspect })
    if (this.refused !== null) {
      this.#later.push({ atMs: intendedAtMs, event: { type: 'unanswerable', runId: RUN, id, reason: this.refused() } })
      return
    }
    const right: Answer = {
      ...rightStatus[question.kind],
      atMs: intendedAtMs + 10,
      latencyMs: 10,
      isJson: true,
      snapshotId: String(this.#snapshots),
      mismatches: [],
      error: null,
    }
    const answer = { ...right, ...this.api({ hop, question, atMs: intendedAtMs }, right) }
    this.#later.push({ atMs: answer.atMs, event: { type: 'answered', runId: RUN, id, answer } })
  }
}

const rightStatus = { canary: { status: 200 }, window: { status: 200 }, 'no-credentials': { status: 401 }, 'unknown-id': { status: 404 } }

type DistributiveOmit<Union, Keys extends PropertyKey> = Union extends unknown ? Omit<Union, Keys> : never

export const touches = (question: Question, stream: number, seq: number): boolean => {
  const span = spanOf(question)
  return span.stream === stream && span.first <= seq && seq <= span.last
}

/** Both streams from `first` to `last`, without some. */
export function both(first: number, last: number, without: readonly [stream: number, seq: number][] = []): StreamRanges[] {
  const set = new CanarySet()
  for (const stream of [0, 1]) {
    for (const seq of members([first, last])) if (!without.some(([s, q]) => s === stream && q === seq)) set.add(stream, seq)
  }
  return set.toWire()
}

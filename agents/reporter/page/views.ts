import type { Verdict, ViolationKind } from '../../../schemas/parts.ts'
import type { FaultPhase } from '../../../schemas/results/fault-changed.ts'

/** What the page is sent, as JSON. All times are Unix ms of the reporter's clock unless an agent is named. */

/** `waiting`: held back, or no stage has begun. `abandoned`: long past its time, and nobody judged it. */
export type RunPhase = 'waiting' | 'running' | 'cancelling' | 'abandoned' | 'judged'

/** What does not change while the reporter runs. */
export interface PageView {
  readonly version: string
  readonly pipeline: string
  readonly hops: readonly PlainHop[]
  readonly plans: readonly PlanView[]
  /** Whether a token is set: without one nothing can be asked for here. */
  readonly mayAct: boolean
}

export interface PlainHop {
  readonly hop: string
  readonly kind: 'source' | 'topic' | 'table' | 'api'
  readonly name: string
}

export interface PlanView {
  readonly plan: string
  readonly description: string
  readonly parameters: readonly { readonly name: string; readonly value: string }[]
  readonly exclusive: boolean
  readonly repeats: boolean
}

export interface AgentView {
  readonly agent: string
  readonly heardAtMs: number
  readonly version: string
}

/** A request that is no run: not answered yet, or refused. */
export interface RequestView {
  readonly controlOffset: number
  /** Null for a message that could not be read. */
  readonly runId: string | null
  readonly plan: string
  readonly requestedBy: string
  readonly atMs: number
  /** Why it was refused; null while it waits for an answer. */
  readonly problems: readonly string[] | null
}

/** A run as a line of the history. */
export interface RowView {
  readonly runId: string
  readonly plan: string
  readonly phase: RunPhase
  /** Of a run that is not judged yet: that it fails, or null. */
  readonly verdict: Verdict | null
  readonly requestedAtMs: number
  readonly judgedAtMs: number | null
  readonly acknowledged: number
  /** Canaries found wrong, counted at each hop and for each kind. */
  readonly violations: number
  /** The worst reason of a verdict that is no pass. */
  readonly reason: string
  readonly window: number | null
}

export interface HopView extends PlainHop {
  /** False when no stage of the plan looks there. */
  readonly watched: boolean
  /** Asked for a sample only. */
  readonly sampled: boolean
  /** Canaries that had to be here so far. */
  readonly expected: number
  readonly seen: number
  readonly violations: readonly { readonly kind: ViolationKind; readonly canaries: number }[]
  readonly fidelity: number | null
  readonly p50Ms: number | null
  readonly p95Ms: number | null
  readonly p99Ms: number | null
  readonly maxMs: number | null
  /** Later than this is late; null where the topology sets no limit. */
  readonly deliverWithinMs: number | null
}

export interface StageView {
  readonly stage: string
  readonly task: string
  readonly agent: string
  readonly state: 'waits' | 'runs' | 'ok' | 'failed' | 'inconclusive' | 'cancelled'
  readonly startedAtMs: number | null
  readonly endedAtMs: number | null
  readonly reason: string
}

export interface FaultView {
  readonly stage: string
  readonly fault: string
  readonly target: string
  readonly phase: FaultPhase
  readonly atMs: number
  readonly recoveryMs: number | null
  readonly detail: string
}

export interface RunView {
  readonly runId: string
  readonly plan: string
  readonly description: string
  readonly phase: RunPhase
  /** Of a run that is not judged yet: that it fails, or null. */
  readonly verdict: Verdict | null
  /** Why it is no pass, worst first. */
  readonly reasons: readonly string[]
  /** Of a judged run; `others` are reasons left out of `reasons`. */
  readonly others: number
  readonly requestedBy: string
  readonly requestedAtMs: number
  /** When the canaries began to be written. */
  readonly producedFromMs: number | null
  readonly judgedAtMs: number | null
  readonly timeoutMs: number
  readonly window: { readonly series: string; readonly index: number } | null
  /** Of a plan that repeats; its windows are runs of their own. */
  readonly repeatEveryMs: number | null
  readonly cancelled: string | null
  readonly mayCancel: boolean
  readonly planned: number
  readonly ratePerSecond: number
  readonly acknowledged: number
  readonly unknown: number
  readonly failed: number
  readonly hops: readonly HopView[]
  readonly stages: readonly StageView[]
  readonly faults: readonly FaultView[]
  readonly missing: readonly { readonly hop: string; readonly reason: string }[]
  /** Names of its reports, below `/runs/<runId>/`. */
  readonly reports: readonly string[]
  readonly traceUrl: string | null
}

export interface ViolationView {
  readonly kind: ViolationKind
  readonly hop: string
  /** The first canary. */
  readonly canaryId: string
  readonly canaries: number
  readonly field: string | null
  readonly expected: string
  readonly actual: string
  /** Topic, partition and offset, snapshot, file; empty where nothing is known. */
  readonly place: string
  readonly traceId: string
  readonly traceUrl: string | null
  /** A command or query by which to look oneself. */
  readonly look: string | null
  readonly foundBy: string
  readonly foundAtMs: number
}

export interface ViolationsView {
  readonly runId: string
  readonly canaries: number
  readonly groups: readonly { readonly kind: ViolationKind; readonly hop: string; readonly canaries: number }[]
  readonly listed: readonly ViolationView[]
  /** Canaries of violations that are not listed. */
  readonly leftOut: number
}

/** Events of the stream by name, each with what it carries. */
export interface PageEvents {
  readonly page: PageView
  readonly agents: readonly AgentView[]
  readonly requests: readonly RequestView[]
  readonly row: RowView
  readonly run: RunView
  readonly violations: ViolationsView
  /** That it is still there, and what time it is. */
  readonly beat: { readonly nowMs: number }
}

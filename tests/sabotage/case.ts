import type { z } from 'zod'
import type { ValueDifference, ViolationKind } from '../../schemas/parts.ts'
import type { tableHop } from '../../topology/topology.ts'
import type { Found } from './compare.ts'
import type { Canary, Flow } from './flow.ts'
import type { Pipeline } from './pipeline.ts'

/** Places of the pipeline of a case: the raw topic, the topic behind the normaliser, the table behind the sink. */
export type Place = 'raw' | 'topic' | 'table'

/** What must be reported, and by rule nothing else may be. */
export interface Expected {
  readonly violation: ViolationKind
  readonly at: Place
  /** The very records; left out where the finding is not of records but of a file or of metadata. */
  readonly canaries?: readonly Pick<Canary, 'stream' | 'seq'>[]
  /** The field that must be named. */
  readonly field?: string
  /** How its value must be said to differ. */
  readonly difference?: ValueDifference
  /** Part of what must be named besides: a file, a reason. */
  readonly says?: string
  /** May be said as well, and need not be: another true word on the same records. */
  readonly optional?: true
}

export interface Planted {
  readonly expected: readonly Expected[]
  /** Left out: `fail` where something is expected, else `pass`. */
  readonly verdict?: 'fail' | 'inconclusive'
  /** Of an inconclusive verdict: what its reasons must say. */
  readonly reason?: RegExp
}

/** What else had to be so once the run was judged: how much of it was, and what was not. */
export interface Afterwards {
  readonly found: number
  readonly missed: readonly string[]
}

export interface SabotageCase {
  readonly name: string
  readonly kind: 'defect' | 'innocent'
  readonly of: 'topic' | 'table' | 'content' | 'others'
  /** It leaves its pipeline unfit for the next one. */
  readonly spoils?: true
  /** It touches what all pipelines stand on: nothing else runs beside it. */
  readonly alone?: true
  readonly canaries?: number
  /** Every n-th canary of a stream holds an edge value; every fiftieth where it does not say. */
  readonly edgeValuesEvery?: number
  /** It acts while canaries are produced, at a rate that takes some seconds; where it does not say, once all are acknowledged. */
  readonly during?: 'production'
  /** What its pipeline may take to deliver, where that is not what all others may: one of its own. */
  readonly deliverWithinMs?: Readonly<Record<Place, number>>
  /** All traffic is compared, not canaries alone. */
  readonly audits?: true
  /** Of that: at most so many offsets are one window; a hundred where it does not say. */
  readonly windowOffsets?: number
  /** Defects that the run itself plants, each so often. */
  readonly mirror?: { readonly each: number }
  /** How long its run may take; a minute where it does not say. */
  readonly timeoutMs?: number
  readonly table?: { readonly formatVersion?: 2 | 3; readonly properties?: Readonly<Record<string, string>> }
  /** The clock of this agent is off by so much from its start on. */
  readonly clockOff?: { readonly agent: string; readonly ms: number }
  /** Its table is said to store no offsets: all traffic is counted by seconds of event time. */
  readonly byEventTime?: true
  /** What the topology says of the table besides what it says in every case. */
  readonly topology?: Pick<z.input<typeof tableHop>, 'contract' | 'rules'>
  /** Before the run is asked for. */
  before?(pipeline: Pipeline): Promise<unknown>
  act(flow: Flow): Promise<Planted>
  after?(flow: Flow, found: Found): Promise<Afterwards>
}

export const silent: Planted = { expected: [] }

import type { z } from 'zod'
import type { ViolationKind } from '../../schemas/parts.ts'
import type { tableHop } from '../../topology/topology.ts'
import type { Canary, Flow } from './flow.ts'

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

export interface SabotageCase {
  readonly name: string
  readonly kind: 'defect' | 'innocent'
  readonly of: 'topic' | 'table' | 'content' | 'others'
  /** It leaves its pipeline unfit for the next one. */
  readonly spoils?: true
  /** It touches what all pipelines stand on: nothing else runs beside it. */
  readonly alone?: true
  readonly canaries?: number
  /** All traffic is compared, not canaries alone. */
  readonly audits?: true
  /** How long its run may take; a minute where it does not say. */
  readonly timeoutMs?: number
  readonly table?: { readonly formatVersion?: 2 | 3; readonly properties?: Readonly<Record<string, string>> }
  /** What the topology says of the table besides what it says in every case. */
  readonly topology?: Pick<z.input<typeof tableHop>, 'contract' | 'rules'>
  act(flow: Flow): Promise<Planted>
}

export const silent: Planted = { expected: [] }

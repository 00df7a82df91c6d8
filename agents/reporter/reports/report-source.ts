import type { Evidence } from '../../../shared/core/evidence.ts'
import type { Judgement } from '../../../shared/core/judge.ts'
import type { RunState } from '../../../shared/core/run-book.ts'
import { causesOf, type Cause } from './causes.ts'
import type { LookPlaces } from './look-places.ts'
import type { Machine } from './machine.ts'

/** All that a report is made of. */
export interface ReportSource {
  readonly run: RunState
  readonly evidence: Evidence
  readonly judgement: Judgement
  /** Of a run that is under way: what stands against it so far. */
  readonly isEarly: boolean
  /** When it was judged, Unix ms. */
  readonly atMs: number
  readonly environment: ReportEnvironment
}

/** Where the report was made, for whoever reads it elsewhere. Never a secret. */
export interface ReportEnvironment extends LookPlaces {
  readonly assayVersion: string
  readonly host: string
  readonly machine?: Machine
  /** The servers that the pipeline is made of, with their versions, as whoever set it up says. */
  readonly pipelineVersions?: string | null
  /** The table's catalog and store, for the same purpose. */
  readonly lake?: { readonly catalog: string; readonly warehouse: string | null; readonly s3: string; readonly s3Region: string }
  /** Where people open Jaeger in a browser. */
  readonly jaegerUi?: string | null
}

/** Above a report that says no more than what is known so far. */
export const EARLY_NOTE =
  'The run is still under way: it is told as soon as it can only fail. What was not looked at yet is not in here; the report of the verdict takes the place of this one.'

const grouped = new WeakMap<Evidence, { readonly heard: number; readonly causes: readonly Cause[] }>()

/** The violations of a run by cause. Every format asks; grouped once, as long as no further fact was folded. */
export function causesIn({ run, evidence, judgement }: ReportSource): readonly Cause[] {
  const known = grouped.get(evidence)
  if (known?.heard === evidence.heard) return known.causes
  const causes = causesOf(run, evidence, new Map(judgement.hops.map(({ hop, expected }) => [hop, expected])))
  grouped.set(evidence, { heard: evidence.heard, causes })
  return causes
}

/** Null where nobody said where Jaeger is. */
export const traceUrl = ({ jaegerUi }: ReportEnvironment, traceId: string): string | null =>
  jaegerUi == null ? null : `${jaegerUi.replace(/\/+$/, '')}/trace/${traceId}`

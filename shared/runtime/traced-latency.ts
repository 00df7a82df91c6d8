import type { ResolvedRun } from '../../topology/resolved-run.ts'
import { hopName, type Hop, type Topology } from '../../topology/topology.ts'
import { intendedAtMs } from '../core/canary.ts'
import { traceIdOf } from '../core/identity.ts'
import { members, type Ranges } from '../core/range-set.ts'
import { evidenceOf, sendClock, type RunWorks } from '../core/run-work.ts'
import { isTraced } from './canary-spans.ts'
import type { MetricRow, Metrics } from './metrics.ts'
import type { Tracing } from './tracing.ts'

/** Seconds. One set for all latencies to a hop, so that series of several agents add up. */
export const LATENCY_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 20, 30, 60, 120] as const

/**
 * Facts carry latencies as sketches, which name no canary; the agent that writes the span of a canary knows its latency
 * to the millisecond. So the points of the dashboards come from here: each opens a trace that was sent.
 */
export const tracedLatencyRow = (name: TracedLatencyName, hop: readonly string[]): MetricRow => ({
  name,
  type: 'histogram',
  unit: 'seconds',
  help: 'From intended send to the hop, of the canaries whose trace is sent: those are its exemplars. 0 while no traces are.',
  labels: { hop },
  buckets: LATENCY_BUCKETS,
})

export type TracedLatencyName = `assay_${string}_traced_latency_seconds`

interface Place {
  readonly runId: string
  readonly hop: string
}

interface SeenAt {
  readonly stream: number
  readonly seq: number
  readonly atMs: number
}

export interface TracedLatencies {
  /** Of these canaries the sampled ones. What was not heard to be intended, or has no clock yet, is left out. */
  seen(works: RunWorks, place: Place, canaries: Iterable<SeenAt>): void
  /** Where its latency is known, if it is a sampled one. */
  measured(plan: ResolvedRun['plan'], place: Place, canary: Omit<SeenAt, 'atMs'> & { readonly latencyMs: number }): void
}

/** Canaries that came all at once. */
export function* allAt(canaries: readonly { readonly stream: number; readonly ranges: Ranges }[], atMs: number): Generator<SeenAt> {
  for (const { stream, ranges } of canaries) for (const seq of members(ranges)) yield { stream, seq, atMs }
}

export const hopNames = ({ hops }: Pick<Topology, 'hops'>, ...kinds: readonly Hop['kind'][]): string[] =>
  hops.filter(({ kind }) => kinds.includes(kind)).map(hopName)

interface TracedLatenciesOf {
  readonly name: TracedLatencyName
  /** Hops of this agent's own topology; a run may know others. */
  readonly hops: readonly string[]
  readonly metrics: Pick<Metrics, 'observe'>
  readonly tracing: Pick<Tracing, 'isOn'>
}

export function createTracedLatencies({ name, hops, metrics, tracing }: TracedLatenciesOf): TracedLatencies {
  if (!tracing.isOn) return { seen: () => undefined, measured: () => undefined }
  const measured: TracedLatencies['measured'] = (plan, { runId, hop }, { stream, seq, latencyMs }) => {
    if (!isTraced(plan, stream, seq) || !hops.includes(hop)) return
    metrics.observe(name, { value: latencyMs / 1000, traceId: traceIdOf({ runId, stream, seq }) }, { hop })
  }
  return {
    measured,
    seen(works, place, canaries) {
      const { runId } = place
      const run = works.base.book.runs.get(runId)
      const clock = run === undefined ? null : sendClock(works, run)
      if (run === undefined || clock === null) return
      const { plan } = run.resolved
      const { intended } = evidenceOf(works, runId)
      for (const { stream, seq, atMs } of canaries)
        if (isTraced(plan, stream, seq) && intended.has(stream, seq))
          measured(plan, place, { stream, seq, latencyMs: atMs - intendedAtMs(clock, stream, seq) })
    },
  }
}

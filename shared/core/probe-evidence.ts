import type { Fact } from '../../schemas/results.ts'
import { CanarySet } from './canary-set.ts'
import { LatencySketch } from './latency-sketch.ts'

/** What was asked at a hop, and of which canaries the answers were compared. */
export interface ProbeEvidence {
  readonly compared: CanarySet
  /** What the last pass has asked for. */
  readonly covered: CanarySet
  readonly unchecked: CanarySet
  readonly latency: LatencySketch
  readonly batches: Set<string>
  requests: number
  errors: number
}

/** A batch that is told again counts once; instances count their own. */
export function foldProbe(probes: Map<string, ProbeEvidence>, fact: Fact<'probe-answered'>): void {
  let probe = probes.get(fact.hop)
  if (probe === undefined) {
    probe = {
      compared: new CanarySet(),
      covered: new CanarySet(),
      unchecked: new CanarySet(),
      latency: new LatencySketch(),
      batches: new Set(),
      requests: 0,
      errors: 0,
    }
    probes.set(fact.hop, probe)
  }
  const batch = `${fact.instance}/${fact.probe}/${fact.batch}`
  if (probe.batches.has(batch)) return
  probe.batches.add(batch)
  probe.compared.addAll(fact.canaries)
  probe.covered.addAll(fact.covered)
  probe.unchecked.addAll(fact.unchecked)
  probe.latency.merge(fact.latency)
  probe.requests += fact.requests
  probe.errors += fact.errors
}

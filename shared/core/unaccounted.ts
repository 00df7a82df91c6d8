import type { ViolationKind } from '../../schemas/parts.ts'
import { hopName, type Hop } from '../../topology/topology.ts'
import { CanarySet } from './canary-set.ts'
import { hopEvidence, lostAt, standingViolations, type Evidence, type Violation } from './evidence.ts'
import { faultWindows, forgives } from './faults.ts'
import type { RunState } from './run-book.ts'

/** What answers a question for good, stale answers aside. */
const answeredBadly: ReadonlySet<ViolationKind> = new Set(['wrong-answer', 'unavailable'])

/** How many of the canaries that had to be at a hop were neither sighted there, nor accused of what counts against the run. */
export function unaccountedAt(run: RunState, evidence: Evidence, { hop, expected }: { hop: Hop; expected: CanarySet }): number {
  const name = hopName(hop)
  if (hop.kind !== 'api') {
    const { sighted } = hopEvidence(evidence, name)
    return expected.minus(sighted).minus(lostAt(evidence, name)).minus(unreadableAt(evidence, name)).size
  }
  const probe = evidence.probes.get(name)
  const compared = probe?.compared ?? new CanarySet()
  const { excused, held } = staleAt(run, evidence, name)
  if (!checksEvery(run, name)) return compared.and(expected).size === 0 ? expected.size : expected.and(excused).minus(compared).size
  const bad = canariesOf(standingViolations(evidence).filter(({ violation, hop: at }) => at === name && answeredBadly.has(violation)))
  const unchecked = probe?.unchecked ?? new CanarySet()
  return expected.minus(compared).minus(unchecked).minus(bad).minus(held).size
}

/** Answered stale: as a fault of ours explains, which says nothing of how it went on; and all others. */
function staleAt(run: RunState, evidence: Evidence, name: string): { excused: CanarySet; held: CanarySet } {
  const stale = standingViolations(evidence).filter(({ violation, hop }) => violation === 'stale' && hop === name)
  const windows = stale.length === 0 ? [] : faultWindows(evidence, run)
  const isExcused = (violation: Violation) => windows.some((window) => forgives(window, { evidence, run, violation }))
  return { excused: canariesOf(stale.filter(isExcused)), held: canariesOf(stale.filter((violation) => !isExcused(violation))) }
}

/** Known by their trace to stand there, in a form that nobody can read: accused, and sighted by no one. */
export function unreadableAt(evidence: Evidence, name: string): CanarySet {
  const violated = standingViolations(evidence).filter(({ violation, hop }) => violation === 'schema-violated' && hop === name)
  return canariesOf(violated).minus(hopEvidence(evidence, name).sighted)
}

const canariesOf = (violations: readonly Violation[]) =>
  CanarySet.of(violations.map(({ stream, standing }) => ({ stream, ranges: standing.ranges })))

/** Window probes cover every canary; point look-ups are a sample. */
const checksEvery = (run: RunState, name: string) =>
  run.resolved.hops.some((hop) => hop.kind === 'api' && hop.per === 'window' && hopName(hop) === name)

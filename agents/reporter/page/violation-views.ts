import type { Evidence } from '../../../shared/core/evidence.ts'
import type { RunState } from '../../../shared/core/run-book.ts'
import { fairShares } from '../reports/json-violations.ts'
import { lookCommand, placeText, violationGroups, type LocatedViolation } from '../reports/locate.ts'
import type { LookPlaces } from '../reports/look-places.ts'
import { traceUrlOf } from './run-view.ts'
import type { ViolationsView, ViolationView } from './views.ts'

/** Listed one by one; the report has the rest. While a run goes on only the first: they are sent again with each change. */
export const LISTED_MAX = 200
export const LISTED_LIVE_MAX = 20

/** For the links and commands beside a violation. */
export interface Whereabouts extends LookPlaces {
  readonly jaegerUi: string | null
}

/** What stands against a run, worst kind first; a flood of one kind hides no other. */
export function violationsOf(run: RunState, evidence: Evidence, where: Whereabouts): ViolationsView {
  const groups = violationGroups(run, evidence)
  const shares = fairShares(
    groups.map(({ located }) => located.length),
    run.judged === null ? LISTED_LIVE_MAX : LISTED_MAX,
  )
  const listed = groups.flatMap(({ located }, index) => located.slice(0, shares[index]).map((one) => viewOf(run, one, where)))
  const canaries = groups.reduce((sum, group) => sum + group.canaries, 0)
  return {
    runId: run.runId,
    canaries,
    groups: groups.map(({ kind, hop, canaries: ofGroup }) => ({ kind, hop, canaries: ofGroup })),
    listed,
    leftOut: canaries - listed.reduce((sum, one) => sum + one.canaries, 0),
  }
}

function viewOf(run: RunState, located: LocatedViolation, where: Whereabouts): ViolationView {
  const { violation, canaryId } = located
  const { violation: kind, hop, standing, field, expected, actual, traceId, agent, atMs } = violation
  return {
    kind,
    hop,
    canaryId,
    canaries: standing.size,
    field,
    expected,
    actual,
    place: placeText(located),
    traceId,
    traceUrl: traceUrlOf(where.jaegerUi, traceId),
    look: lookCommand(run, located, where),
    foundBy: agent,
    foundAtMs: atMs,
  }
}

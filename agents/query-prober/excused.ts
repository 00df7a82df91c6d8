import { CanarySet } from '../../shared/core/canary-set.ts'
import { standingViolations } from '../../shared/core/evidence.ts'
import { faultWindows, forgives } from '../../shared/core/faults.ts'
import { RangeSet, type Ranges } from '../../shared/core/range-set.ts'
import { evidenceOf, type RunWorks } from '../../shared/core/run-work.ts'
import type { HopContext } from './probe-work.ts'

type At = Omit<HopContext, 'work'>

interface StaleAnswer {
  readonly stream: number
  readonly ranges: Ranges
  readonly atMs: number
}

/** Whether a fault of ours explains it by now. It may end later, and what is stale then is asked about anew. */
export function isExcused(works: RunWorks, { run, hop }: At, { stream, ranges, atMs }: StaleAnswer): boolean {
  const evidence = evidenceOf(works, run.runId)
  const violation = { violation: 'stale', hop: hop.name, rule: null, stream, standing: RangeSet.of(ranges), atMs } as const
  return faultWindows(evidence, run).some((window) => forgives(window, { evidence, run, violation }))
}

/** Unix ms until which a fault of ours, begun by now, may explain that an endpoint does not answer; 0 for none. */
export function recoveringUntilMs(works: RunWorks, run: HopContext['run']): number {
  const windows = faultWindows(evidenceOf(works, run.runId), run).filter(({ fromMs }) => fromMs <= works.base.nowMs)
  return Math.max(0, ...windows.map(({ allowedUntilMs }) => allowedUntilMs))
}

/** Canaries this agent has accused at the hop, before or after a restart; and those among them that a fault of ours excuses so far. */
export function accusedHere(works: RunWorks, { run, hop }: At): { accused: CanarySet; excused: CanarySet } {
  const accused = new CanarySet()
  const excused = new CanarySet()
  for (const violation of standingViolations(evidenceOf(works, run.runId))) {
    if (violation.hop !== hop.name) continue
    const { stream, standing, atMs } = violation
    const { ranges } = standing
    const isAgain = violation.violation === 'stale' && isExcused(works, { run, hop }, { stream, ranges, atMs })
    const set = isAgain ? excused : accused
    set.addAll([{ stream, ranges }])
  }
  return { accused, excused }
}

import type { Fact } from '../../schemas/results.ts'
import type { BusEffect } from './bus-events.ts'
import { mirrorDefectAt } from './mirror.ts'
import type { RunState } from './run-book.ts'
import { headOf, say, type RunWorks } from './run-work.ts'
import { violationFact, type FactHead, type Finding, type ViolationBudget } from './violations.ts'

/** Tells what was found: as violations, up to the budget; of canaries that are defective on purpose, as that. */
export function sayFindings(
  works: RunWorks,
  { run, budget }: { run: RunState; budget: ViolationBudget },
  findings: readonly Finding[],
): BusEffect[] {
  const head = headOf(works, run.runId)
  const isPlanted = ({ stream, ranges }: Finding) => mirrorDefectAt(run.resolved.plan.load, stream, ranges[0] as number) !== null
  return [
    ...findings.filter(isPlanted).map((finding) => say(works, mirrorFact(head, finding))),
    ...budget.limit(findings.filter((finding) => !isPlanted(finding))).map((finding) => say(works, violationFact(head, finding))),
  ]
}

function mirrorFact(head: FactHead, finding: Finding): Fact<'mirror-defect-seen'> {
  const { violation, hop, stream, ranges, field, expected, actual } = violationFact(head, finding)
  return { kind: 'mirror-defect-seen', ...head, violation, hop, stream, seq: ranges[0] as number, field, expected, actual }
}

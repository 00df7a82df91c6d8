import { agentOfTask } from '../../../topology/plan.ts'
import { countText, plural } from './figures.ts'
import type { ReportSource } from './report-source.ts'

/** Everything a reader might take for checked and that was not; empty when nothing was left out. */
export function notChecked({ run, evidence, judgement }: ReportSource): string[] {
  const notes: string[] = []
  for (const { hop, reason } of evidence.missing) notes.push(`${hop}: ${reason}`)
  for (const { stage, task } of run.resolved.plan.stages) {
    const progress = run.stages.get(stage)
    if (progress?.ended?.outcome === 'ok') continue
    const how =
      progress?.ended != null
        ? `ended ${progress.ended.outcome}: ${progress.ended.reason}`
        : progress?.started != null
          ? 'did not end'
          : 'did not start'
    notes.push(`stage ${stage} of ${agentOfTask[task]} ${how}`)
  }
  if (judgement.unknown > 0)
    notes.push(`${plural(judgement.unknown, 'canary', 'canaries')} of unknown outcome: each may be there once or not at all`)
  for (const [hop, { unchecked }] of evidence.probes) {
    if (unchecked.size > 0)
      notes.push(`${hop}: ${plural(unchecked.size, 'canary', 'canaries')} left out, because an earlier hop accuses them`)
  }
  for (const { hop, expected, sighted } of judgement.hops) {
    if (hop.startsWith('api:') && sighted > 0 && sighted < expected)
      notes.push(`${hop}: a sample, ${countText(sighted)} of ${countText(expected)} canaries compared`)
  }
  const others = [...evidence.hops].filter(([, { otherRecords }]) => otherRecords > 0)
  for (const [hop, { otherRecords }] of others)
    notes.push(`${hop}: ${plural(otherRecords, 'record')} that ${otherRecords === 1 ? 'is no canary' : 'are no canaries'} of this run`)
  return notes
}

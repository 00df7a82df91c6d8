import type { CanarySet } from './canary-set.ts'
import { lostAt } from './evidence.ts'
import type { RunState } from './run-book.ts'
import type { RunWorks } from './run-work.ts'

/** So long after the verdict, what was lost is looked for again: a sink that stood still may deliver it yet. */
const AFTER_LOOKS_MS = [30_000, 180_000] as const

export interface AfterLook {
  readonly run: RunState
  readonly hop: string
  readonly lost: CanarySet
  /** Records that are no canaries, by offset. */
  readonly others: CanarySet
}

/** Looks that are due at these kinds of hops; `looked` remembers how many each run has had. */
export function dueAfterLooks(
  works: RunWorks,
  looked: Map<string, number>,
  hopsOf: (run: RunState) => readonly { readonly name: string }[],
): AfterLook[] {
  const { book, nowMs } = works.base
  for (const runId of looked.keys()) if (!works.judgedEvidence.has(runId)) looked.delete(runId)
  const due: AfterLook[] = []
  for (const [runId, evidence] of works.judgedEvidence) {
    const run = book.runs.get(runId)
    const judgedAtMs = run?.judgedAtMs
    if (run === undefined || judgedAtMs == null) continue
    const turn = AFTER_LOOKS_MS.filter((afterMs) => nowMs >= judgedAtMs + afterMs).length
    if (turn <= (looked.get(runId) ?? 0)) continue
    looked.set(runId, turn)
    for (const { name: hop } of hopsOf(run)) {
      const [lost, others] = [lostAt(evidence, hop), lostAt(evidence, hop, 'others')]
      if (lost.size + others.size > 0) due.push({ run, hop, lost, others })
    }
  }
  return due
}

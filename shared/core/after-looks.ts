import type { CanarySet } from './canary-set.ts'
import { lostAt } from './evidence.ts'
import type { RunState } from './run-book.ts'
import type { RunWorks } from './run-work.ts'

/** So long after the verdict, what was lost is looked for again: a sink that stood still may deliver it yet. */
const AFTER_LOOKS_MS = [30_000, 180_000] as const

/** A look that failed is made again so long after. */
const RETRY_MS = 30_000

/** What each run has had: how many looks, and when one that failed is due again. */
export type AfterLooks = Map<string, { readonly looks: number; retryAtMs: number }>

/** What looking after a verdict needs to know of an agent. */
export interface AfterLooking {
  readonly works: RunWorks
  readonly lookedAfter: AfterLooks
}

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
  looked: AfterLooks,
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
    const { looks, retryAtMs } = looked.get(runId) ?? { looks: 0, retryAtMs: Infinity }
    if (turn <= looks && nowMs < retryAtMs) continue
    looked.set(runId, { looks: turn, retryAtMs: Infinity })
    for (const { name: hop } of hopsOf(run)) {
      const [lost, others] = [lostAt(evidence, hop), lostAt(evidence, hop, 'others')]
      if (lost.size + others.size > 0) due.push({ run, hop, lost, others })
    }
  }
  return due
}

/** Nobody has seen what was lost, and nobody has looked: what comes late must not be lost for that. */
export function afterLookFailed(looked: AfterLooks, runId: string, nowMs: number): void {
  const known = looked.get(runId)
  if (known !== undefined) known.retryAtMs = nowMs + RETRY_MS
}

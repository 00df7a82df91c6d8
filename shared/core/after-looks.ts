import type { BusEffect } from './bus-events.ts'
import { CanarySet } from './canary-set.ts'
import { takeBackLost } from './corrections.ts'
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

/**
 * What was lost when the run was judged, and is found by now, is taken back. Null: the look failed, and is made again;
 * what comes late must not stay lost for that.
 */
export function foldAfterLook({ works, lookedAfter }: AfterLooking, at: { runId: string; hop: string }, found: Found | null): BusEffect[] {
  if (found !== null) {
    const canaries = CanarySet.ofMembers(found)
    return takeBackLost(works, { runId: at.runId, hop: at.hop }, { canaries, late: canaries })
  }
  const known = lookedAfter.get(at.runId)
  if (known !== undefined) known.retryAtMs = works.base.nowMs + RETRY_MS
  return []
}

type Found = Parameters<typeof CanarySet.ofMembers>[0]

import type { Fact } from '../../schemas/results.ts'

export interface StageProgress {
  started: Fact<'stage-started'> | null
  ended: Fact<'stage-ended'> | null
  /** Those that are done, where several instances share the stage. */
  readonly parts: Set<string>
}

export const noProgress = (): StageProgress => ({ started: null, ended: null, parts: new Set() })

export function foldStage(progress: StageProgress, fact: Fact<'stage-started' | 'stage-ended' | 'part-ended'>): void {
  switch (fact.kind) {
    case 'stage-started':
      progress.started = earlier(progress.started, fact)
      return
    case 'stage-ended':
      progress.ended = earlier(progress.ended, fact)
      return
    case 'part-ended':
      progress.parts.add(fact.part)
      return
    default:
      fact satisfies never
  }
}

/** Whoever says it hears itself first: only a rule that asks for no order makes all of several instances count the same one. */
function earlier<Said extends Fact<'stage-started'> | Fact<'stage-ended'>>(known: Said | null, said: Said): Said {
  if (known === null || said.atMs < known.atMs) return said
  return said.atMs === known.atMs && said.instance < known.instance ? said : known
}

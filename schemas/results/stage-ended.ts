import { z } from 'zod'
import { fact } from '../parts.ts'

export const stageOutcome = z.enum(['ok', 'failed', 'inconclusive', 'cancelled'])
export type StageOutcome = z.infer<typeof stageOutcome>

export const stageEnded = fact('stage-ended', {
  stage: z.string(),
  outcome: stageOutcome.describe('`ok` says that the work was done, not that nothing was found. The first one counts.'),
  reason: z.string(),
}).describe('A stage has ended.')

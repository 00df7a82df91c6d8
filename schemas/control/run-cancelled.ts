import { z } from 'zod'
import { runIdText } from '../parts.ts'

export const runCancelled = z
  .object({
    kind: z.literal('run-cancelled'),
    runId: runIdText,
    reason: z.string().max(1024).default(''),
    requestedBy: z.string().max(256).default('unknown'),
  })
  .strict()
  .describe('Ends a run: stages stop, faults heal, clean-up runs, the verdict is inconclusive.')

import { z } from 'zod'
import { runIdText, seriesWindow } from '../parts.ts'

const PLAN_BYTES_MAX = 64 * 1024

export const runRequested = z
  .object({
    kind: z.literal('run-requested'),
    runId: runIdText
      .nullable()
      .default(null)
      .describe('UUIDv7. Left out, it is computed from the position of this message, alike by every agent.'),
    plan: z
      .preprocess(
        (plan) => (typeof plan === 'object' && plan !== null ? JSON.stringify(plan) : plan),
        z.string().min(1).max(PLAN_BYTES_MAX),
      )
      .describe('Name of a shipped plan, or a whole plan: an object in JSON, its text in Avro.'),
    parameters: z.record(z.string(), z.string()).default({}).describe("Values for the plan's parameters, as text."),
    window: seriesWindow.nullable().default(null),
    requestedBy: z.string().max(256).default('unknown').describe('Who or what asks; kept in the audit trail.'),
  })
  .strict()
  .describe('Asks for a run. The same run id twice is one run.')

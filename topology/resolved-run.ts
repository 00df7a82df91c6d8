import { z } from 'zod'
import { planSchema } from './plan.ts'
import { hopSchema, recordShape } from './topology.ts'

/**
 * All that running and judging one run needs, pinned when the run is accepted: the plan with its parameters filled
 * in, the hops and the record's shape from the topology (never its connections or secrets), the record's Avro schema.
 */
export const resolvedRun = z.strictObject({
  plan: planSchema,
  topology: z.string(),
  record: recordShape,
  recordSchema: z.string().describe('Avro schema of the record at the source, as JSON text.'),
  hops: z.array(hopSchema),
  chaosTargets: z.array(z.string()),
  seed: z.int().nonnegative(),
})
export type ResolvedRun = z.infer<typeof resolvedRun>

/** Null for a run of another version, which cannot be understood and must not end the agents that meet it on the topic. */
export function readResolvedRun(text: string): ResolvedRun | null {
  try {
    return resolvedRun.safeParse(JSON.parse(text)).data ?? null
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}

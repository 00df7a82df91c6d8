import { z } from 'zod'
import { fact, gravest, verdict, violationKind } from '../parts.ts'

export const hopSummary = z.object({
  hop: z.string(),
  expected: z.int().describe('Canaries that had to be here: acknowledged, and seen at the hop before.'),
  sighted: z.int().describe('Distinct canaries seen here.'),
  violations: z.array(z.object({ violation: violationKind, count: z.int() })),
  fidelity: z.number().nullable().describe('Share of the expected that is neither lost, duplicated nor changed; null without evidence.'),
  p50Ms: z.number().nullable(),
  p95Ms: z.number().nullable(),
  p99Ms: z.number().nullable(),
  maxMs: z.number().nullable(),
})
export type HopSummary = z.infer<typeof hopSummary>

export const runJudged = fact('run-judged', {
  verdict,
  revision: z.int().default(0).describe('0 for the first verdict; more where facts that came later amended it. The highest counts.'),
  reasons: z.array(z.string()).describe('Why it is not a pass, worst first; empty for a pass.'),
  gravest: gravest.nullable().default(null).describe('Null where no violation stands against it, but a budget or missing evidence does.'),
  factsHeard: z
    .int()
    .describe("Facts of other agents about this run that were before the judge: the first so many on the run's partition."),
  acknowledged: z.int(),
  unknown: z.int(),
  failed: z.int(),
  hops: z.array(hopSummary),
  recoveries: z.array(z.object({ fault: z.string(), target: z.string(), recoveryMs: z.int().nullable() })),
  reports: z.array(z.string()).describe('Where the reports lie.'),
}).describe('The verdict: a function of the two topics alone, so anyone can compute it again.')

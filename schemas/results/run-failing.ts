import { z } from 'zod'
import { fact, gravest, verdict } from '../parts.ts'

export const runFailing = fact('run-failing', {
  verdict: verdict.describe('`fail`, for nothing else is known this early.'),
  reasons: z.array(z.string()).describe('What stands against the run so far.'),
  gravest: gravest.nullable().default(null),
  factsHeard: z.int().describe('Facts of other agents about this run that were before the judge by then.'),
  reports: z.array(z.string()).describe('Where the reports lie; those of the verdict take their place.'),
}).describe(
  'The verdict of a run under way that can only be fail any more, unless what stands against it is taken back. Once a run, and once more when at first it was only a matter of time; `run-judged` follows when the evidence is whole.',
)

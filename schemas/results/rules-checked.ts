import { z } from 'zod'
import { fact } from '../parts.ts'

export const ruleCheck = z.object({
  name: z.string().describe('Of the rule; a term of a contract begins with `contract:`.'),
  form: z.enum(['rule', 'contract']),
  severity: z.enum(['failure', 'warning']).describe('What a warning is about fails no run, and is no violation.'),
  rows: z.int().describe('Rows or records it was held against.'),
  broken: z.int().describe('Of these, those that break it.'),
  exempt: z.int().describe('Canaries that were produced so that they break it: edge values. They are not counted as broken.'),
  unchecked: z.string().nullable().describe('Why it could not be checked; null where it was. Makes the run inconclusive.'),
})
export type RuleCheck = z.infer<typeof ruleCheck>

export const rulesChecked = fact('rules-checked', {
  hop: z.string(),
  scope: z.string().describe('What was looked at: a snapshot, offsets, or the end of the run. The same scope twice is one.'),
  snapshotId: z.string().nullable(),
  checks: z.array(ruleCheck),
}).describe('Rules and contracts of the topology, held against what was seen at a hop. What breaks them is told as a violation before.')

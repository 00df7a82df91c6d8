import { z } from 'zod'
import { fact, ranges, violationKind } from '../parts.ts'

export const correction = fact('correction', {
  violation: violationKind.describe('What had been said.'),
  becomes: violationKind.nullable().describe('What it is instead; null when nothing is wrong.'),
  hop: z.string(),
  stream: z.int(),
  ranges,
  reason: z.string(),
}).describe('Takes back a violation for these canaries: a lost one that arrived is late.')

import { z } from 'zod'
import { fact } from '../parts.ts'

export const evidenceMissing = fact('evidence-missing', {
  hop: z.string(),
  reason: z.string(),
}).describe("The monitor's own trouble: what could not be looked at, and why. Makes the run inconclusive.")

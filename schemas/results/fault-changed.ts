import { z } from 'zod'
import { fact } from '../parts.ts'

export const faultPhase = z.enum(['journalled', 'injected', 'bit', 'healed', 'recovered', 'void', 'heal-failed', 'not-recovered'])
export type FaultPhase = z.infer<typeof faultPhase>

export const faultChanged = fact('fault-changed', {
  stage: z.string(),
  fault: z.string(),
  target: z.string(),
  phase: faultPhase,
  leaseUntilMs: z.int(),
  recoveryMs: z.int().nullable().describe('From healed to caught up; with phase recovered.'),
  detail: z.string(),
}).describe('A step in the life of a fault: journalled before it is injected, healed when its lease ends.')

import { z } from 'zod'
import { fact, violationKind } from '../parts.ts'

export const mirrorDefectSeen = fact('mirror-defect-seen', {
  violation: violationKind.describe('What was found of it.'),
  hop: z.string(),
  stream: z.int(),
  seq: z.int(),
  field: z.string().nullable(),
  expected: z.string(),
  actual: z.string(),
}).describe('A defect of a canary that is defective on purpose: the watcher sees it. No violation of the pipeline.')

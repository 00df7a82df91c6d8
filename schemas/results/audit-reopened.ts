import { z } from 'zod'
import { fact, offsetRange } from '../parts.ts'
import { auditRound } from './audit-window.ts'

export const auditReopened = fact('audit-reopened', {
  hop: z.string().describe('The table.'),
  windows: z.array(offsetRange.extend({ round: auditRound })).describe('What is to be compared anew, and in which round.'),
  snapshotId: z.string().describe('By which they were there.'),
}).describe('Rows were added to windows that had been compared, or were written anew: they are compared once more.')

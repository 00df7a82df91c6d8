import { z } from 'zod'
import { fact, offsetRange } from '../parts.ts'

export const auditDue = fact('audit-due', {
  hop: z.string().describe('The table.'),
  topic: z.string(),
  windows: z.array(offsetRange).describe('Intervals of the topic to be held against the table, each a window.'),
  isLast: z.boolean().describe('No further windows will come.'),
}).describe('So far the topic has come: what lies in these windows is to be in the table.')

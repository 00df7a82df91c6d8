import { z } from 'zod'
import { fact } from '../parts.ts'

export const auditColumn = z.object({ name: z.string(), type: z.string().describe('As the table has it; parts of nested ones left out.') })
export type AuditColumn = z.infer<typeof auditColumn>

export const auditScoped = fact('audit-scoped', {
  hop: z.string(),
  columns: z.array(auditColumn),
  snapshotId: z.string().nullable(),
}).describe('What columns an audited table has: of these, whoever reads the topic compares the fields that are there in both.')

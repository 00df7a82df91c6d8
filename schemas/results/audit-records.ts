import { z } from 'zod'
import { fact } from '../parts.ts'
import { auditField, auditRound, auditSide } from './audit-window.ts'

export const auditedRecord = z.object({
  offset: z.int(),
  values: z.array(z.string().nullable()).describe('In the order of `fields`; empty when it cannot be read.'),
  stream: z.int().nullable().describe('With seq: of a canary of this run.'),
  seq: z.int().nullable(),
  isForeign: z.boolean().describe('A canary of another run, whose rows may be taken away again.'),
  traceId: z.string().nullable().describe("From the record's own traceparent."),
  file: z.string().nullable(),
})
export type AuditedRecord = z.infer<typeof auditedRecord>

export const auditRecords = fact('audit-records', {
  hop: z.string().describe('The table.'),
  side: auditSide,
  partition: z.int(),
  round: auditRound,
  offsets: z.array(z.int()).describe('What was looked at, by a fresh reader; what is not listed is not there.'),
  fields: z.array(auditField),
  records: z.array(auditedRecord),
  snapshotId: z.string().nullable(),
  gone: z.string().nullable().describe('Why nobody can tell any more.'),
}).describe('Single records or rows at which the two sides differ.')

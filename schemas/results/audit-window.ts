import { z } from 'zod'
import { fact } from '../parts.ts'

export const auditSide = z.enum(['topic', 'table'])
export type AuditSide = z.infer<typeof auditSide>

export const auditPrint = z
  .object({
    count: z.int(),
    sum: z.string().describe('Of the hashes, modulo 2^64, in hexadecimal.'),
    xor: z.string(),
  })
  .describe('Of any set of records, whatever their order: the same for the same records.')
export type AuditPrint = z.infer<typeof auditPrint>

export const doubtfulPart = z.object({
  part: z.int().describe('Of `prints`, from 0.'),
  unreadable: z.int().describe('Records that cannot be read: whatever their rows are, they are not the same.'),
  foreign: z.int().describe('Canaries of other runs, whose rows may be taken away again.'),
})
export type DoubtfulPart = z.infer<typeof doubtfulPart>

export const comparedAs = z.enum(['exact', 'floating', 'text', 'boolean', 'bytes', 'days', 'micros', 'map', 'uuid', 'key'])
export type ComparedAs = z.infer<typeof comparedAs>

export const auditField = z.object({
  field: z.string(),
  as: comparedAs.describe("What both values are brought to before they are compared; `key`: in the topic it is the record's key, as text."),
})
export type AuditField = z.infer<typeof auditField>

export const auditRound = z
  .int()
  .default(0)
  .describe('How often the window was opened anew, since rows had been added to it after it was compared (`audit-reopened`).')

export const auditWindow = fact('audit-window', {
  hop: z.string().describe('The table.'),
  side: auditSide,
  partition: z.int(),
  offsetFirst: z.int(),
  offsetLast: z.int(),
  round: auditRound,
  step: z.int().positive().describe('Offsets in each part of the window but the last.'),
  prints: z.array(auditPrint).describe('One for each part; empty when `gone` says why.'),
  fields: z.array(auditField).describe('What is hashed, beside partition and offset.'),
  lastRecord: z.int().nullable().describe('The greatest offset at which there is a record or row; null for none.'),
  leftOut: z.int().describe('Records without a value, which are no rows anywhere.'),
  doubtful: z
    .array(doubtfulPart)
    .default([])
    .describe('Parts with records of the topic that may differ from their rows, and prove nothing by it; others are left out.'),
  snapshotId: z.string().nullable().describe('Of the table.'),
  gone: z.string().nullable().describe('Why nobody can tell any more.'),
}).describe('Count and fingerprint of what stands in a window of offsets, on one side.')

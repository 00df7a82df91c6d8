import { z } from 'zod'
import { fact, ranges, valueDifference, violationKind } from '../parts.ts'

export const violationFound = fact('violation-found', {
  violation: violationKind,
  hop: z.string().describe('The first hop at which it shows.'),
  stream: z
    .int()
    .describe(
      'Of the canaries. Below zero for records that are none: they are of partition −1 − stream, and `ranges` are their offsets; of stream −2^31, windows of event time by the second they begin with.',
    ),
  ranges: ranges.describe('The canaries concerned; one in most cases.'),
  field: z.string().nullable(),
  expected: z.string(),
  actual: z.string(),
  partition: z.int().nullable().describe('With offset: where to look; of the hop, or of the hop before it for a lost one.'),
  offset: z.int().nullable(),
  snapshotId: z.string().nullable(),
  file: z.string().nullable(),
  traceId: z.string().describe('Of the first canary; of another record its own, where it carries one.'),
  difference: valueDifference
    .nullable()
    .default(null)
    .describe('Of a field whose value is not the expected one: how it differs. Null where no value is compared.'),
  rule: z
    .string()
    .nullable()
    .default(null)
    .describe('The rule or the term of a contract that is broken; null for what no topology declares.'),
}).describe('One judged defect, looked at twice.')

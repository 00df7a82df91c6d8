import { z } from 'zod'
import { fact } from '../parts.ts'
import { auditSide } from './audit-window.ts'

export const timeWindow = z.object({
  startMs: z.int().describe('Event time, Unix ms; a whole multiple of `windowMs`.'),
  count: z
    .int()
    .describe(
      'Of the topic: records. Of the table: rows, less those that were there when the audit began; of windows that hold none, nothing is said.',
    ),
  before: z
    .int()
    .default(0)
    .describe('Of the topic: records from before the audit began, which may have come to the table before it, or behind.'),
})
export type TimeWindow = z.infer<typeof timeWindow>

export const auditTimes = fact('audit-times', {
  hop: z.string().describe('The table.'),
  side: auditSide,
  topic: z.string(),
  windowMs: z.int().positive(),
  unit: z
    .enum(['millis', 'micros'])
    .nullable()
    .default(null)
    .describe('Of the topic: in what its records write the time, where all do alike; a column of integers is read so.'),
  windows: z.array(timeWindow).describe('Without canaries of other runs, whose rows may be taken away again; empty when `gone` says why.'),
  ends: z
    .array(
      z.object({
        partition: z.int(),
        offset: z
          .int()
          .describe('Behind the last record that was counted: who has read to there has read all of them. 0 where there was none.'),
        high: z.int().describe('Where the partition ended; markers of transactions are no records.'),
      }),
    )
    .describe('Of the topic: each partition.'),
  grew: z
    .boolean()
    .default(false)
    .describe('Of the table: the topic held more by the time its rows were counted, and rows of that may be among them.'),
  unreadable: z.int().describe('Records of which the schema does not tell the event time: their rows stand in any window.'),
  timeless: z.int().describe('Records whose event time is null.'),
  leftOut: z.int().describe('Records without a value, which are no rows anywhere.'),
  snapshotId: z.string().nullable().describe('Of the table.'),
  gone: z.string().nullable().describe('Why nobody can tell any more.'),
}).describe(
  'How many records and rows have an event time in each window: of a table that does not store where in Kafka its rows came from.',
)

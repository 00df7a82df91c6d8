import { z } from 'zod'
import { fact, position } from '../parts.ts'

export const stageStarted = fact('stage-started', {
  stage: z.string(),
  epochMs: z
    .int()
    .describe("Time zero of the stage. For the generator's: canary (stream, seq) is intended at epochMs + its place in the rate."),
  positions: z.array(position).describe('Where reading starts in each topic hop.'),
  snapshotId: z.string().nullable().describe("The table's snapshot before the run; null for an empty or missing table."),
  sequenceNumber: z
    .int()
    .nullable()
    .default(null)
    .describe('Of that snapshot: tells what is newer once the snapshot has expired. Null where there is none.'),
  tableUuid: z.string().nullable(),
  topicIds: z
    .array(z.object({ hop: z.string(), topicId: z.string() }))
    .default([])
    .describe("Kafka's ids of the topic hops, where the broker tells them: another one later is another topic of the same name."),
}).describe('A stage has begun. The first one counts: an agent that restarts goes on from it.')

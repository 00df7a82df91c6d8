import { z } from 'zod'
import { fact, latencySketch, located, offsetRange, streamRanges } from '../parts.ts'

export const snapshotReconciled = fact('snapshot-reconciled', {
  hop: z.string(),
  snapshotId: z.string(),
  parentId: z.string().nullable(),
  committedAtMs: z.int(),
  operation: z.string(),
  filesAdded: z.int(),
  rowsAdded: z.int(),
  bytesAdded: z.int(),
  canaries: z.array(streamRanges).describe('Those that had no row before.'),
  repeats: z.array(located),
  removed: z
    .array(streamRanges)
    .default([])
    .describe('Rows taken away and not written anew: a canary comes once for each. What a branch stands on no more is undone besides.'),
  late: z.array(streamRanges),
  latency: latencySketch.describe('Intended send time to commit of the snapshot.'),
  sourceOffsets: z.array(offsetRange).describe('Least and greatest source offset stored in the added rows, by partition.'),
}).describe('One snapshot of a table, read through its own metadata: only what it added or removed.')

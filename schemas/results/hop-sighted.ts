import { z } from 'zod'
import { fact, latencySketch, located, offsetRange, streamRanges } from '../parts.ts'

export const hopSighted = fact('hop-sighted', {
  hop: z.string(),
  covered: z.array(offsetRange).describe('The input this fact speaks of. Folding the same cover twice changes nothing.'),
  canaries: z.array(streamRanges),
  repeats: z.array(located).describe('Sightings beyond the first of the same canary.'),
  disordered: z.array(located).describe('First sightings after a later canary of the same stream.'),
  late: z.array(streamRanges).describe("Sighted after the hop's deliverWithin."),
  latency: latencySketch.describe('Intended send time to append time at this hop.'),
  lasts: z
    .array(z.object({ partition: z.int(), stream: z.int(), seq: z.int() }))
    .default([])
    .describe('The last canary of each stream in each partition, of those told here: order holds within a partition.'),
  otherRecords: z.int().describe('Records that are no canaries of this run.'),
}).describe('What was seen at a topic hop in an interval of offsets.')

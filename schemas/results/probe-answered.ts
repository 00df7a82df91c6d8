import { z } from 'zod'
import { fact, latencySketch, streamRanges } from '../parts.ts'

export const probeAnswered = fact('probe-answered', {
  hop: z.string(),
  probe: z.string(),
  batch: z.int().describe('Counts up within the probe; the same batch twice is one.'),
  requests: z.int(),
  errors: z.int(),
  latency: latencySketch,
  canaries: z.array(streamRanges).describe('Canaries whose answer was compared and right.'),
  covered: z
    .array(streamRanges)
    .default([])
    .describe('Canaries the last pass need not ask for again, by whoever makes it: everything was in the table when they were asked for.'),
  unchecked: z.array(streamRanges).describe('Left out because an earlier hop already accuses them.'),
  snapshotId: z.string().nullable().describe('The last snapshot the answers named.'),
}).describe('What a query or an endpoint answered, compared with what was produced.')

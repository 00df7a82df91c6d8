import { z } from 'zod'
import { fact, latencySketch, offsetRange, streamRanges } from '../parts.ts'

export const canariesProduced = fact('canaries-produced', {
  hop: z.string(),
  acknowledged: z.array(streamRanges).describe('The pipeline took responsibility: only these can be lost.'),
  unknown: z.array(streamRanges).describe('Timed out or cut off: may appear once or not at all.'),
  failed: z.array(streamRanges).describe('Refused for certain: must not appear.'),
  offsets: z.array(offsetRange).describe('Where the acknowledged ones were written.'),
  latency: latencySketch.describe('Intended send time to acknowledgement.'),
  heldBackMs: z
    .int()
    .default(0)
    .describe('The longest any of these waited in the generator itself beyond its intended send time: not the pipeline’s doing.'),
}).describe('The ledger: what the generator vouches for.')

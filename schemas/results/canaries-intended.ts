import { z } from 'zod'
import { fact, streamRanges } from '../parts.ts'

export const canariesIntended = fact('canaries-intended', {
  hop: z.string(),
  canaries: z.array(streamRanges),
  placeFirst: z.int().describe('Place of the first one in the order of intended sends.'),
  shiftMs: z
    .int()
    .describe(
      'How much later than planned these and all after them are intended, because the generator was down: its own trouble makes nothing late.',
    ),
}).describe('Published before these canaries are written: what was intended and is not vouched for is unknown.')

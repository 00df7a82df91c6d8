import { z } from 'zod'
import { fact, seriesWindow } from '../parts.ts'

export const runAccepted = fact('run-accepted', {
  controlOffset: z.int().describe('Offset of the request on the control topic.'),
  requestedAtMs: z.int(),
  requestedBy: z.string(),
  window: seriesWindow.nullable(),
  planName: z.string(),
  resolved: z
    .string()
    .describe('The plan with parameters filled in, the hops and the seed, as JSON (topology/resolved-run.ts): all that judging needs.'),
}).describe('A request became a run. The first one for a run id counts; every agent works from it, not from its own files.')

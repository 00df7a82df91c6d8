import { z } from 'zod'
import { fact } from '../parts.ts'

export const logTold = fact('log-told', {
  lines: z.array(z.string()).describe('Lines of JSON that speak of the run or of none, the oldest first; secrets are hidden.'),
  linesLeftOut: z.int().describe('How many older ones were too many.'),
}).describe('What an agent had logged when it heard that a run did not pass. It is for the archive, and no evidence.')

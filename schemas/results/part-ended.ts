import { z } from 'zod'
import { fact } from '../parts.ts'

export const partEnded = fact('part-ended', {
  stage: z.string(),
  part: z.string().describe('A hop of the stage.'),
}).describe('A part of a stage is done, where several instances share the stage: it ends once all of its parts are.')

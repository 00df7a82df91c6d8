import { z } from 'zod'
import { remark } from '../parts.ts'

export const requestRefused = remark('request-refused', {
  controlOffset: z.int(),
  problems: z.array(z.string()).describe('What is wrong: the path in the message or plan, what was expected, what was there.'),
  excerpt: z.string().describe('The start of the message, printable.'),
}).describe('A control message that could not be understood or carried out. Nothing stops.')

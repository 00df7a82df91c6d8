import { z } from 'zod'
import { PipelineError } from './errors.ts'

export { z }

export const logSettings = { LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error']).default('info') }

export const kafkaSettings = {
  PIPELINE_KAFKA_BOOTSTRAP: z.string().regex(/^[^\s,]+:\d+(,[^\s,]+:\d+)*$/, 'expected host:port, or several with commas'),
  PIPELINE_REGISTRY_URL: z.url(),
}

/** Reads the environment once. What is wrong is told for all settings at a time. */
export function readSettings<Shape extends z.ZodObject>(shape: Shape): z.output<Shape> {
  const parsed = shape.safeParse(process.env)
  if (parsed.success) return parsed.data
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`)
  throw new PipelineError('CONFIG_INVALID', `environment: ${problems.join('; ')}`)
}

import { pino } from 'pino'

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
export type LogLevel = (typeof logLevels)[number]

/** The part of pino that is used. Fields first, then the sentence; `runId` and `traceId` are fields of theirs. */
export interface Log {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
  fatal(fields: object, message: string): void
  child(fields: { readonly runId?: string; readonly traceId?: string } & Readonly<Record<string, unknown>>): Log
}

export interface LogOptions {
  readonly agent: string
  readonly instance: string
  readonly level: LogLevel
}

/** JSON lines on standard output, written at once: the last line before a crash is there. */
export function createLog({ agent, instance, level }: LogOptions): Log {
  return pino(
    {
      level,
      base: { agent, instance },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: errorFields },
      redact: { paths: ['*.password', '*.secretKey', '*.token', 'password', 'secretKey', 'token'], censor: '***' },
    },
    pino.destination({ fd: 1, sync: true }),
  )
}

/** An error as fields: code, message, stack, and its causes by message. */
export function errorFields(error: unknown): object {
  if (!(error instanceof Error)) return { message: String(error) }
  const causes: string[] = []
  for (let cause = error.cause; cause instanceof Error && causes.length < CAUSES_MAX; cause = cause.cause)
    causes.push(`${cause.name}: ${cause.message}`)
  return {
    name: error.name,
    ...('code' in error ? { code: error.code } : {}),
    message: error.message,
    stack: error.stack,
    ...(causes.length > 0 ? { causes } : {}),
  }
}
const CAUSES_MAX = 10

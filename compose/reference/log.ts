import { pino } from 'pino'
import type { Logger } from 'pino'

export type Log = Logger

export function createLog(program: string, level: string): Log {
  return pino({ name: program, level, timestamp: pino.stdTimeFunctions.isoTime })
}

import { errorFields, type Log } from './log.ts'

export const LINES_MAX = 2_000
type Level = 'debug' | 'info' | 'warn' | 'error' | 'fatal'

interface KeptLine {
  readonly runId: unknown
  readonly text: string
}

export interface LogKeeper {
  /** Passes everything on. */
  readonly log: Log
  /** The latest lines that speak of the run or of none, as JSON. */
  linesOf(runId: string): string[]
}

/** Keeps the latest lines of a log, debug apart, beside where it goes. `hide` takes secrets out. */
export function createLogKeeper(log: Log, { nowMs, hide }: { nowMs: () => number; hide: (text: string) => string }): LogKeeper {
  const kept: KeptLine[] = []
  const keep = (level: Level, fields: Readonly<Record<string, unknown>>, message: string) => {
    if (level === 'debug') return
    const { err, ...rest } = fields
    const line = {
      timeMs: nowMs(),
      level,
      ...rest,
      ...(err === undefined ? {} : { err: errorFields(err) }),
      msg: message,
    }
    kept.push({ runId: fields['runId'], text: hide(textOf(line)) })
    if (kept.length > LINES_MAX) kept.shift()
  }
  return {
    log: keptLog({ log, keep }, {}),
    linesOf: (runId) => kept.filter((line) => line.runId === runId || line.runId === undefined).map(({ text }) => text),
  }
}

/** Who logs must not end by it: what JSON cannot say of the fields, a cycle for one, is left out with all of them. */
function textOf(line: { readonly timeMs: number; readonly level: Level; readonly msg: string }): string {
  try {
    return JSON.stringify(line, (_, value: unknown) => (typeof value === 'bigint' ? value.toString() : value))
  } catch {
    const { timeMs, level, msg } = line
    return JSON.stringify({ timeMs, level, msg })
  }
}

interface Tapped {
  readonly log: Log
  readonly keep: (level: Level, fields: Readonly<Record<string, unknown>>, message: string) => void
}

function keptLog({ log, keep }: Tapped, common: Readonly<Record<string, unknown>>): Log {
  const at = (level: Level) => (fields: object, message: string) => {
    log[level](fields, message)
    keep(level, { ...common, ...fields }, message)
  }
  return {
    ...{ debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error'), fatal: at('fatal') },
    child: (fields) => keptLog({ log: log.child(fields), keep }, { ...common, ...fields }),
  }
}

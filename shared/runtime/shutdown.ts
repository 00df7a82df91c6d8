import type { Log } from './log.ts'

/** Exit codes, as sysexits.h has them. */
export const EXIT_OK = 0
export const EXIT_BAD_INPUT = 64
export const EXIT_OUR_BUG = 70

const STOP_LIMIT_MS = 20_000

export interface ShutdownOptions {
  readonly log: Log
  /** Runs once, whatever asks for the end. */
  readonly stop: () => Promise<void>
  readonly limitMs?: number
}

export interface Shutdown {
  /** Stops gracefully within the limit, then exits. The first code counts. */
  end(code: number): void
}

/** SIGTERM and SIGINT end gracefully; a second one at once. An error nobody caught is our bug: logged, exit 70. */
export function installShutdown({ log, stop, limitMs = STOP_LIMIT_MS }: ShutdownOptions): Shutdown {
  let ending = false
  const end = (code: number): void => {
    if (ending) return
    ending = true
    const limit = setTimeout(() => {
      log.error({ code: 'LIMIT_REACHED', limitMs }, 'the stop took too long')
      process.exit(code === EXIT_OK ? EXIT_OUR_BUG : code)
    }, limitMs)
    stop()
      .catch((error: unknown) => {
        log.error({ err: error }, 'the stop failed')
      })
      .finally(() => {
        clearTimeout(limit)
        log.info({ exitCode: code }, 'stopped')
        process.exit(code)
      })
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      log.info({ signal }, ending ? 'stopping at once' : 'stopping')
      if (ending) process.exit(EXIT_OUR_BUG)
      end(EXIT_OK)
    })
  }
  const uncaught = (error: unknown): void => {
    log.fatal({ err: error }, 'an error nobody caught')
    end(EXIT_OUR_BUG)
  }
  process.on('uncaughtException', uncaught)
  process.on('unhandledRejection', uncaught)
  return { end }
}

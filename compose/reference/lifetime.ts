import type { Log } from './log.ts'

const STOP_LIMIT_MS = 10_000

/** Runs `stop` once on SIGTERM or SIGINT and then ends the process; a stop that takes too long ends it with 1. */
export function stopOnSignal(log: Log, stop: () => Promise<void>): void {
  let stopping = false
  const onSignal = (signal: string) => {
    if (stopping) return
    stopping = true
    log.info({ signal }, 'stopping')
    setTimeout(() => {
      log.error({ limitMs: STOP_LIMIT_MS }, 'did not stop in time')
      process.exit(1)
    }, STOP_LIMIT_MS).unref()
    stop().then(
      () => process.exit(0),
      (err: unknown) => {
        log.error({ err }, 'the stop failed')
        process.exit(1)
      },
    )
  }
  process.on('SIGTERM', () => {
    onSignal('SIGTERM')
  })
  process.on('SIGINT', () => {
    onSignal('SIGINT')
  })
}

export function sleep(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs))
}

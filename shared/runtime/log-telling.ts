import type { BusEvent } from '../core/bus-events.ts'
import type { Speaker } from '../core/acceptance.ts'
import type { Bus } from './bus.ts'
import type { Clock } from './clock.ts'
import type { LogKeeper } from './log-keeper.ts'

/** Of one message, which must stay well below what Kafka takes. */
const LINES_MAX = 200
const CHARS_MAX = 64 * 1024

/**
 * Says what was logged when a run did not pass: whoever gets the archive has no access to where the agents log. Verdicts
 * from before this process are read again, and answered by nobody. The reporter makes the archive, and has its own log at hand.
 */
export function createLogTelling(
  { speaker, clock, bus }: { readonly speaker: Speaker; readonly clock: Pick<Clock, 'nowMs'>; readonly bus: Pick<Bus, 'publish'> },
  linesOf: LogKeeper['linesOf'],
): (event: BusEvent) => void {
  if (speaker.agent === 'reporter') return () => undefined
  const sinceMs = clock.nowMs()
  return (event) => {
    if (event.type !== 'fact' || event.fact.kind !== 'run-judged') return
    const { runId, verdict, atMs } = event.fact
    if (verdict === 'pass' || atMs < sinceMs) return
    const all = linesOf(runId)
    const lines = latest(all)
    bus.publish({ kind: 'log-told', runId, ...speaker, atMs: clock.nowMs(), lines, linesLeftOut: all.length - lines.length })
  }
}

function latest(all: readonly string[]): string[] {
  let chars = 0
  const from = all.findLastIndex((line) => (chars += line.length) > CHARS_MAX) + 1
  return all.slice(Math.max(from, all.length - LINES_MAX))
}

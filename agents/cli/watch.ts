import type { BusEvent } from '../../shared/core/bus-events.ts'
import { badInput } from './arguments.ts'
import { awaitOutcome } from './await-run.ts'
import type { Command } from './command.ts'
import { foldFollowed, followedRun } from './followed-run.ts'
import { LiveView } from './live-view.ts'
import type { Terminal } from './terminal.ts'
import { toldOutcome } from './outcome-text.ts'
import { openTwoTopics } from './two-topics.ts'
import { checkRunId, lookbackFor } from './verdict.ts'

export const watchCommand: Command = {
  command: 'watch',
  summary: 'shows a run while it goes on, and its verdict; without an id, the latest that is not judged, or the next',
  positionals: [{ name: 'runId', required: false, help: 'id of the run' }],
  options: {},
  async run({ given, terminal }) {
    const [runId] = given.positionals
    if (runId !== undefined) checkRunId(runId)
    const heard: BusEvent[] = []
    let onEvent = (event: BusEvent) => {
      // Waiting may take for ever, and heartbeats never end.
      if (event.type !== 'fact' || event.fact.kind !== 'agent-heartbeat') heard.push(event)
    }
    const lookbackMs = runId === undefined ? UNJUDGED_LOOKBACK_MS : lookbackFor(runId, Date.now())
    const topics = await openTwoTopics(
      (event) => {
        onEvent(event)
      },
      { lookbackMs },
    )
    try {
      await topics.caughtUp
      const chosen = runId ?? latestUnjudged(heard) ?? (await nextAccepted(heard, terminal))
      const followed = followedRun(chosen)
      for (const event of heard.splice(0)) foldFollowed(followed, event)
      onEvent = (event) => {
        foldFollowed(followed, event)
      }
      if (runId !== undefined && !followed.book.runs.has(runId) && !followed.book.requests.has(runId))
        throw badInput(`run ${runId}: nothing of it is on the two topics`)
      const view = new LiveView(terminal)
      const onTurn = view.turn.bind(view)
      const outcome = await awaitOutcome({ followed, limits: { sinceMs: Date.now() }, nowMs: Date.now, onTurn })
      if (outcome === null) return null
      const told = toldOutcome(chosen, outcome)
      terminal.out(told.lines.join('\n'))
      return told.exitCode
    } finally {
      await topics.close()
    }
  },
}

/** No run is under way for longer. */
const UNJUDGED_LOOKBACK_MS = 3600_000
const POLL_MS = 200

/** The latest run that was accepted and not judged. */
export function latestUnjudged(events: readonly BusEvent[]): string | null {
  const open = new Set<string>()
  for (const event of events) {
    if (event.type !== 'fact') continue
    if (event.fact.kind === 'run-accepted') open.add(event.fact.runId)
    if (event.fact.kind === 'run-judged') open.delete(event.fact.runId)
  }
  return [...open].at(-1) ?? null
}

/** Waits for ever: until a run comes, there is nothing else to show. */
async function nextAccepted(events: readonly BusEvent[], terminal: Terminal): Promise<string> {
  terminal.note('no run is under way; waiting for the next')
  for (;;) {
    const runId = latestUnjudged(events)
    if (runId !== null) return runId
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}

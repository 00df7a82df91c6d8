import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { hostname, userInfo } from 'node:os'
import type { RunRequested } from '../../schemas/control.ts'
import { deterministicRunId } from '../../shared/core/identity.ts'
import type { RunBook } from '../../shared/core/run-book.ts'
import { loadPlan, problemText } from '../../topology/load.ts'
import { badInput, pairsOf, positiveOf } from './arguments.ts'
import { awaitOutcome } from './await-run.ts'
import type { Command, CommandContext } from './command.ts'
import { exitCodes } from './exit-codes.ts'
import { foldFollowed, followedRun, type FollowedRun } from './followed-run.ts'
import { LiveView } from './live-view.ts'
import { toldOutcome } from './outcome-text.ts'
import { openTwoTopics, type TwoTopics } from './two-topics.ts'

export const runCommand: Command = {
  command: 'run',
  summary: 'asks for a run on the control topic; with --wait, follows it to its verdict',
  positionals: [{ name: 'plan|file.yaml', required: true, help: 'name of a plan the agents ship, or a file that holds one' }],
  options: {
    param: { type: 'string', multiple: true, value: 'name=value', help: "value of one of the plan's parameters" },
    wait: { type: 'boolean', help: 'wait for the verdict; without it, only until the request was accepted or refused' },
    once: {
      type: 'string',
      value: 'name',
      help: 'a name for the wish: asked for again under it, also later, it is the same run; nobody is waited for',
    },
    timeout: { type: 'string', value: 'seconds', help: "wait no longer than this; by default the plan's own timeout and a grace" },
    json: { type: 'boolean', help: 'the outcome as JSON on standard output' },
  },
  async run({ given, terminal }) {
    const [plan = ''] = given.positionals
    const timeoutS = positiveOf('timeout', given.text('timeout'))
    const once = given.text('once')
    if (once !== undefined && given.flag('wait')) throw badInput('--once leaves it to the agents: it does not go with --wait')
    const message = requestOf({ plan, parameters: pairsOf('param', given.list('param')), atMs: Date.now(), once })
    const followed = followedRun(message.runId)
    const topics = await openTwoTopics((event) => {
      foldFollowed(followed, event)
    })
    try {
      if (once !== undefined) return await askOnce({ message, topics, followed }, terminal)
      const sinceMs = Date.now()
      const { offset } = await topics.request(message)
      terminal.note(`run ${message.runId} asked for, control offset ${offset}`)
      const limits = { sinceMs, timeoutMs: timeoutS === undefined ? undefined : timeoutS * 1000 }
      return await follow({ given, terminal }, followed, limits)
    } finally {
      await topics.close()
    }
  },
}

interface Wish {
  readonly message: RunRequested & { runId: string }
  readonly topics: TwoTopics
  readonly followed: FollowedRun
}

async function askOnce({ message, topics, followed: { book } }: Wish, terminal: CommandContext['terminal']): Promise<number> {
  await topics.caughtUp
  const { runId } = message
  const state = wishState(book, runId)
  if (state === 'cancelled') terminal.note(`run ${runId} was asked for and cancelled: another name makes it another run`)
  else if (state === 'asked') terminal.note(`run ${runId} was asked for already`)
  else terminal.note(`run ${runId} asked for, control offset ${(await topics.request(message)).offset}`)
  return exitCodes.pass.code
}

/** What became of a wish, as far back as the control topic is kept. A series goes on by its windows: it is not asked for twice. */
export function wishState(book: RunBook, runId: string): 'cancelled' | 'asked' | 'new' {
  if (book.cancelled.has(runId)) return 'cancelled'
  return book.runs.has(runId) || book.series.has(runId) || book.requests.has(runId) || book.forgotten.has(runId) ? 'asked' : 'new'
}

async function follow(
  { given, terminal }: CommandContext,
  followed: FollowedRun,
  limits: { sinceMs: number; timeoutMs: number | undefined },
): Promise<number> {
  const wait = given.flag('wait')
  const view = new LiveView(terminal)
  const isAccepted = () => followed.book.runs.has(followed.runId)
  const outcome = await awaitOutcome({
    followed,
    limits,
    nowMs: Date.now,
    onTurn: (run, nowMs) => {
      if (wait) view.turn(run, nowMs)
    },
    isOff: () => !wait && isAccepted(),
  })
  if (outcome === null) {
    terminal.out(given.flag('json') ? JSON.stringify({ runId: followed.runId, accepted: true }) : `accepted: assay watch ${followed.runId}`)
    return exitCodes.pass.code
  }
  const told = toldOutcome(followed.runId, outcome)
  terminal.out(given.flag('json') ? JSON.stringify(told.json, null, 2) : told.lines.join('\n'))
  return told.exitCode
}

/** The time a wish's id bears: a canary's event times begin with it. */
const ONCE_AT_MS = Date.UTC(2026, 0, 1)

export interface RunWish {
  readonly plan: string
  readonly parameters: Readonly<Record<string, string>>
  readonly atMs: number
  /** The same name gives the same run id. */
  readonly once?: string | undefined
}

/** The message that asks for a run, under an id of its own. Throws INPUT_INVALID with file and line for a bad plan file. */
export function requestOf({ plan, parameters, atMs, once }: RunWish): RunRequested & { runId: string } {
  const requestedBy = `${userInfo().username}@${hostname()}`
  const runId =
    once === undefined ? deterministicRunId(atMs, `${requestedBy}/${randomUUID()}`) : deterministicRunId(ONCE_AT_MS, `once/${once}`)
  const head = { kind: 'run-requested' as const, runId, window: null, requestedBy }
  if (!isFile(plan)) return { ...head, plan, parameters }
  const loaded = loadPlan(plan, readText(plan), parameters)
  if (!loaded.ok) throw badInput(loaded.problems.map(problemText).join('\n'))
  // The agents do not have the file: they get its whole text, the parameters filled in already.
  const filled = { ...loaded.value, parameters: { ...loaded.value.parameters, ...parameters } }
  return { ...head, plan: JSON.stringify(filled), parameters: {} }
}

const isFile = (plan: string) => /\.(ya?ml|json)$/.test(plan) || plan.includes('/')

export function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw badInput(`${file}: cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`)
  }
}

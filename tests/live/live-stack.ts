import { mkdtempSync, readFileSync, existsSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { awaitOutcome } from '../../agents/cli/await-run.ts'
import { foldFollowed, followedRun } from '../../agents/cli/followed-run.ts'
import { openTwoTopics } from '../../agents/cli/two-topics.ts'
import { AGENT_NAMES, startAgents, type Agents } from '../../compose/local/agents.ts'
import { parseDefectLog, type PlantedEffect } from '../../compose/local/planted.ts'
import { startStack, type Stack } from '../../compose/local/stack.ts'
import type { ControlMessage } from '../../schemas/control.ts'
import type { Fact, ResultMessage, RunFact } from '../../schemas/results.ts'
import type { Evidence } from '../../shared/core/evidence.ts'
import { createClock } from '../../shared/runtime/clock.ts'
import { deterministicRunId } from '../../shared/core/identity.ts'
import { judgeFromTopics } from '../../shared/core/judge-again.ts'
import type { Judgement } from '../../shared/core/judge.ts'
import { emptyRunBook, foldRunBook, isRunFact } from '../../shared/core/run-book.ts'

/** The whole pipeline and all six agents, as processes of their own, in a folder and on ports of their own. */
export interface LiveStack {
  readonly stack: Stack
  readonly agents: Agents
  /** `kill -9`, and started again at once. */
  killAndRestart(agent: string): Promise<void>
  defectLog(): PlantedEffect[]
  stop(): Promise<void>
}

export interface LiveRun {
  readonly runId: string
  readonly judged: Fact<'run-judged'>
  /** Recomputed from what stands on the topics, by a reader that was not there. */
  readonly again: Judgement
  readonly evidence: Evidence
  readonly facts: readonly RunFact[]
}

export interface LiveOptions {
  readonly nats?: boolean
  /** What the agents are told to watch, made of the usual topology. */
  readonly topology?: (usual: string) => string
  /** Added to the environment of the pipeline's processes. */
  readonly serviceEnv?: Record<string, string>
}

/** `env` is added to that of the agents. */
export async function startLiveStack(
  env: Record<string, string> = {},
  { nats = false, topology = (usual) => usual, serviceEnv = {} }: LiveOptions = {},
): Promise<LiveStack> {
  const dir = mkdtempSync(join(tmpdir(), 'assay-live-'))
  const progress = () => undefined
  const stack = await startStack({ dir, progress, serviceEnv, nats: nats ? 'always' : 'never' })
  const ASSAY_TOPOLOGY = join(dir, 'topology.yaml')
  writeFileSync(ASSAY_TOPOLOGY, topology(readFileSync(stack.env['ASSAY_TOPOLOGY'] ?? '', 'utf8')))
  const agents = await startAgents(stack, AGENT_NAMES, { progress, env: { ...env, ASSAY_TOPOLOGY } })
  return {
    stack,
    agents,
    async killAndRestart(agent) {
      await stack.stopProcess(agent, 'SIGKILL')
      await agents.startAgent(agent)
    },
    defectLog() {
      const path = stack.env['NORMALISER_DEFECT_LOG'] ?? ''
      return existsSync(path) ? parseDefectLog(readFileSync(path, 'utf8')) : []
    },
    async stop() {
      await stack.stop()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

/** So many times longer than usual a canary may take before it is late, where a test is not about that. */
export const patient =
  (times: number) =>
  (usual: string): string =>
    usual.replaceAll(
      /(deliverWithinMs|giveUpAfterMs|staleAfterMs): (\d+)/g,
      (_, name: string, ms: string) => `${name}: ${Number(ms) * times}`,
    )

export interface RunWish {
  readonly plan: string
  readonly parameters?: Record<string, string>
  /** Left out: one of its own. */
  readonly runId?: string
  /** Called once, when so many canaries are acknowledged. */
  readonly inMidRun?: { readonly acknowledged: number; readonly act: (runId: string) => Promise<unknown> }
}

const clock = createClock()
let requests = 0

/** Asks for a run on the control topic, and waits for its verdict; then reads the topics anew and judges again. */
export async function liveRun(live: LiveStack, wish: RunWish): Promise<LiveRun> {
  const { plan, parameters = {}, inMidRun, runId = deterministicRunId(clock.nowMs(), `live/${requests++}`) } = wish
  const followed = followedRun(runId)
  const environment = { ...process.env, ...live.stack.env }
  const topics = await openTwoTopics(
    (event) => {
      foldFollowed(followed, event)
    },
    { environment },
  )
  const midRun: { acting?: Promise<unknown> } = {}
  try {
    const sinceMs = clock.nowMs()
    const message: ControlMessage = { kind: 'run-requested', runId, plan, parameters, window: null, requestedBy: 'live test' }
    await topics.request(message)
    const outcome = await awaitOutcome({
      followed,
      limits: { sinceMs },
      nowMs: clock.nowMs,
      onTurn: () => {
        if (inMidRun !== undefined && midRun.acting === undefined && followed.evidence.acknowledged.size >= inMidRun.acknowledged)
          midRun.acting = inMidRun.act(runId)
      },
    })
    if (outcome?.kind !== 'judged') throw new Error(`run ${runId} was not judged: ${JSON.stringify(outcome).slice(0, 1000)}`)
    await midRun.acting
    if (inMidRun !== undefined && midRun.acting === undefined)
      throw new Error(`fewer than ${inMidRun.acknowledged} canaries were acknowledged: nothing was done in mid-run`)
    const { facts, judgement } = await readAgain(environment, runId)
    return { runId, judged: outcome.judged, again: judgement, evidence: followed.evidence, facts }
  } finally {
    await topics.close()
  }
}

async function readAgain(
  environment: Readonly<Record<string, string | undefined>>,
  runId: string,
): Promise<{ facts: RunFact[]; judgement: Judgement }> {
  const facts: RunFact[] = []
  const book = emptyRunBook()
  const topics = await openTwoTopics(
    (event) => {
      if (event.type === 'control') foldRunBook(book, event)
      else if (event.type === 'fact' && isRunFact(event.fact) && event.fact.runId === runId) facts.push(event.fact)
    },
    { environment },
  )
  try {
    await topics.caughtUp
  } finally {
    await topics.close()
  }
  const again = judgeFromTopics(facts, book.cancelled)
  if (again === null) throw new Error(`run ${runId} never became one on the topics`)
  return { facts, judgement: again.judgement }
}

/** Messages that come within the time, of the kinds asked for. */
export async function listenFor<Kind extends ResultMessage['kind']>(
  live: LiveStack,
  kind: Kind,
  until: { readonly count: number; readonly withinMs: number; readonly act: () => Promise<void> },
): Promise<Extract<ResultMessage, { kind: Kind }>[]> {
  const heard: Extract<ResultMessage, { kind: Kind }>[] = []
  let listening = false
  const topics = await openTwoTopics(
    (event) => {
      if (listening && event.type === 'fact' && event.fact.kind === kind) heard.push(event.fact as Extract<ResultMessage, { kind: Kind }>)
    },
    { environment: { ...process.env, ...live.stack.env } },
  )
  try {
    await topics.caughtUp
    listening = true
    await until.act()
    const deadlineMs = clock.nowMs() + until.withinMs
    while (heard.length < until.count && clock.nowMs() < deadlineMs) await new Promise((resolve) => setTimeout(resolve, 100))
    return heard
  } finally {
    await topics.close()
  }
}

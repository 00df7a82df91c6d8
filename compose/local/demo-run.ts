import { copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { awaitOutcome } from '../../agents/cli/await-run.ts'
import { exitCodes } from '../../agents/cli/exit-codes.ts'
import { foldFollowed, followedRun, type FollowedRun, type RunOutcome } from '../../agents/cli/followed-run.ts'
import { LiveView } from '../../agents/cli/live-view.ts'
import { toldOutcome } from '../../agents/cli/outcome-text.ts'
import { requestOf } from '../../agents/cli/run.ts'
import { processTerminal, type Terminal } from '../../agents/cli/terminal.ts'
import { openTwoTopics } from '../../agents/cli/two-topics.ts'
import { violationLine } from '../../agents/cli/verdict-text.ts'
import { standingViolations } from '../../shared/core/evidence.ts'
import { startAgents, type Agents } from './agents.ts'
import { AGENTS, type DemoWish } from './demo-wish.ts'
import { REPO_DIR } from './layout.ts'
import { comparePlanted, comparisonLines, isExact, parseDefectLog, type PlantedComparison } from './planted.ts'
import { startStack, type Stack } from './stack.ts'

const VIOLATIONS_SHOWN = 10

/** Starts everything, runs the plan, tells how it came out, stops everything; resolves to the exit code. */
export async function runDemo(wish: DemoWish): Promise<number> {
  const terminal = processTerminal()
  const dir = join(REPO_DIR, '.assay', `demo-${process.pid}`)
  const interrupted = whenInterrupted()
  const stack = await startStack({ dir, progress: terminal.note, serviceEnv: defectEnv(wish), nats: wish.nats, keepReports: true })
  interrupted.takeOver()
  let exitCode: number = exitCodes.ourBug.code
  const reports: Written[] = []
  try {
    exitCode = await runOn(stack, { wish, terminal, isOff: interrupted.isOff, reports })
  } finally {
    terminal.note('stopping …')
    await stack.stop()
    // The reporter completes the archive of a failed run after the verdict, and before it stops.
    for (const written of reports) keepReports(written)
    if (exitCode === exitCodes.pass.code) await rm(dir, { recursive: true, force: true })
    else terminal.note(`stopped; logs are kept in ${join(dir, 'logs')}`)
  }
  return exitCode
}

const EXIT_INTERRUPTED = 130

/** While the stack starts, a signal ends this process at once and the stack's reaper does the rest; later it asks for a stop. */
function whenInterrupted(): { isOff: () => boolean; takeOver: () => void } {
  let up = false
  let off = false
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      if (!up) process.exit(EXIT_INTERRUPTED)
      off = true
    })
  }
  return { isOff: () => off, takeOver: () => void (up = true) }
}

function defectEnv({ defect, defectEvery }: DemoWish): Record<string, string> {
  if (defect === null) return {}
  return { NORMALISER_DEFECT: defect, ...(defectEvery === null ? {} : { NORMALISER_DEFECT_EVERY: String(defectEvery) }) }
}

interface DemoScene {
  readonly wish: DemoWish
  readonly terminal: Terminal
  readonly isOff: () => boolean
  /** What the run has left. */
  readonly reports: Written[]
}

interface Written {
  readonly runId: string
  readonly files: readonly string[]
}

async function runOn(stack: Stack, { wish, terminal, isOff, reports }: DemoScene): Promise<number> {
  const environment = { ...process.env, ...stack.env }
  const names = AGENTS.filter((name) => !wish.without.includes(name))
  const agents = await startAgents(stack, names, { progress: terminal.note })
  const message = requestOf({ plan: wish.plan, parameters: wish.parameters, atMs: Date.now() })
  const followed = followedRun(message.runId)
  const topics = await openTwoTopics(
    (event) => {
      foldFollowed(followed, event)
    },
    { environment },
  )
  try {
    const sinceMs = Date.now()
    await topics.request(message)
    terminal.note(`run ${message.runId} of plan ${wish.plan} asked for`)
    const view = new LiveView(terminal)
    const kills = plannedKills(wish, { stack, agents, terminal })
    const onTurn = (run: FollowedRun, nowMs: number) => {
      view.turn(run, nowMs)
      kills.turn(run, nowMs)
    }
    const outcome = await awaitOutcome({ followed, limits: { sinceMs }, nowMs: Date.now, onTurn, isOff })
    await kills.done()
    if (outcome === null) return EXIT_INTERRUPTED
    return tell({ followed, outcome, stack, wish, terminal, reports })
  } finally {
    await topics.close()
  }
}

/** Kills and restarts agents in the middle of the run, each once. */
function plannedKills({ kills }: DemoWish, { stack, agents, terminal }: { stack: Stack; agents: Agents; terminal: Terminal }) {
  const left = new Set(kills)
  const under: Promise<void>[] = []
  const kill = async (agent: string) => {
    terminal.note(`kill -9 ${agent} (pid ${stack.pidOf(agent)})`)
    await stack.stopProcess(agent, 'SIGKILL')
    await agents.startAgent(agent)
  }
  return {
    turn({ book, runId }: FollowedRun, nowMs: number): void {
      const acceptedMs = book.runs.get(runId)?.accepted.atMs
      if (acceptedMs === undefined) return
      for (const planned of left) {
        if (nowMs < acceptedMs + planned.afterMs) continue
        left.delete(planned)
        under.push(kill(planned.agent))
      }
    },
    async done(): Promise<void> {
      await Promise.all(under)
      for (const { agent, afterMs } of left) terminal.note(`${agent} was not killed: the run was over before ${afterMs / 1000} s`)
    },
  }
}

interface Ending extends Pick<DemoScene, 'wish' | 'terminal' | 'reports'> {
  readonly followed: FollowedRun
  readonly outcome: RunOutcome
  readonly stack: Stack
}

function tell({ followed, outcome, stack, wish, terminal, reports }: Ending): number {
  const { runId, evidence } = followed
  let shown: RunOutcome = outcome
  if (outcome.kind === 'judged') {
    const written = { runId, files: outcome.judged.reports }
    reports.push(written)
    shown = { ...outcome, judged: { ...outcome.judged, reports: keepReports(written) } }
  }
  const told = toldOutcome(runId, shown)
  const compared = wish.defect === null ? null : comparison(followed, stack)
  if (wish.json) {
    terminal.out(JSON.stringify({ ...told.json, planted: compared }, null, 2))
  } else {
    const violations = standingViolations(evidence)
    terminal.out(['', ...told.lines].join('\n'))
    if (violations.length > 0)
      terminal.out(
        [
          '',
          `  violations, the first of ${violations.length}`,
          ...violations.slice(0, VIOLATIONS_SHOWN).map((one) => `    ${violationLine(one)}`),
        ].join('\n'),
      )
    if (compared !== null) terminal.out(['', ...comparisonLines(compared)].join('\n'))
  }
  // A verdict of fail for the wrong records is no detection.
  const missedIt = compared !== null && told.exitCode === exitCodes.fail.code && !isExact(compared)
  return missedIt ? exitCodes.ourBug.code : told.exitCode
}

function comparison({ runId, evidence }: FollowedRun, stack: Stack): PlantedComparison {
  const log = stack.env['NORMALISER_DEFECT_LOG'] ?? ''
  const effects = existsSync(log) ? parseDefectLog(readFileSync(log, 'utf8')) : []
  if (existsSync(log)) keepReports({ runId, files: [log] })
  return comparePlanted(runId, effects, evidence)
}

/** The stack's folder goes with the stack; the reports stay. */
function keepReports({ runId, files }: Written): string[] {
  const dir = join(REPO_DIR, '.assay', 'reports', runId)
  mkdirSync(dir, { recursive: true })
  return files.map((file) => {
    if (!existsSync(file)) return `${file} (not there)`
    const kept = join(dir, basename(file))
    copyFileSync(file, kept)
    return kept
  })
}

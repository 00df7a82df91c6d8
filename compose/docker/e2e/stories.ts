import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { agentNames, type AgentName } from '../../../shared/core/agent.ts'
import { createPrng } from '../../../shared/core/prng.ts'
import type { Composed } from './composed.ts'
import { findingsOf, runsIn, until, type Between, type Heard } from './heard.ts'
import { busySince } from './processors.ts'

export type Figure = readonly [what: string, value: string, isGood: boolean]

export interface Scene {
  readonly composed: Composed
  readonly heard: Heard
  readonly note: (line: string) => void
}

const FIRST_PASS_WITHIN_MS = 180_000
export const WINDOW_MS = 60_000
export const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`

/** From `docker compose up` to the first verdict. */
export async function firstPass({ heard }: Scene, upAtMs: number): Promise<Figure[]> {
  await until('a first pass', 4 * FIRST_PASS_WITHIN_MS, () => [...heard.judged.values()].find(({ verdict }) => verdict === 'pass'))
  const tookMs = Date.now() - upAtMs
  return [['up to the first pass', seconds(tookMs), tookMs < FIRST_PASS_WITHIN_MS]]
}

const LEASE_MS = 10_000
const PLAN = JSON.stringify({
  version: 1,
  name: 'pause-sink',
  description: 'The sink stands still under a lease.',
  timeoutMs: 120_000,
  load: { canaries: 2_000, ratePerSecond: 50, streams: 2 },
  stages: [
    { stage: 'sight', task: 'sight-topics', timeoutMs: 100_000 },
    { stage: 'reconcile', task: 'reconcile-table', timeoutMs: 110_000 },
    { stage: 'produce', task: 'produce', needsStarted: ['sight', 'reconcile'], timeoutMs: 60_000 },
    {
      stage: 'pause',
      task: 'inject-fault',
      needsStarted: ['produce'],
      target: 'connect',
      fault: 'pause',
      afterMs: 3_000,
      durationMs: LEASE_MS - 1_000,
      leaseMs: LEASE_MS,
      recoverWithinMs: 60_000,
      timeoutMs: 90_000,
    },
  ],
})

/** The container under a fault is set free although the injector, and with it every watchdog in its container, is killed. */
export async function killedInjector({ composed, note }: Scene): Promise<Figure[]> {
  note('pausing the Connect worker, then killing the injector …')
  await composed.run('generator', ['sh', '-c', `printf %s '${PLAN}' > /tmp/pause.json && node agents/cli/main.ts run /tmp/pause.json`])
  await until('the worker is paused', WINDOW_MS, async () => ((await composed.isPaused('connect')) ? true : null))
  const pausedAtMs = Date.now()
  await composed.kill('chaos-injector')
  await until('the worker goes on', LEASE_MS + WINDOW_MS, async () => ((await composed.isPaused('connect')) ? null : true))
  const heldMs = Date.now() - pausedAtMs
  await composed.start('chaos-injector')
  return [['pause healed by the sentry after kill -9 of the injector', seconds(heldMs), heldMs < LEASE_MS + 5_000]]
}

/** Windows that began before the end are judged within their timeout and a grace. */
const windowsJudged = (heard: Heard, between: Between) =>
  until('the windows are judged', 5 * WINDOW_MS, () => {
    const { runs, judged } = findingsOf(heard, between)
    return judged === runs ? true : null
  })

const SHARED = 'ingestion-checker'

/** A second checker comes while a series goes on, takes its share, and goes again in the middle of a run. */
export async function scaledOut({ composed, heard, note }: Scene): Promise<Figure[]> {
  note(`a second ${SHARED} …`)
  const fromMs = Date.now()
  await composed.scale(SHARED, 2)
  const isShared = (runId: string) => (heard.checkers.get(runId)?.size ?? 0) > 1
  const shared = await until('a run that two checkers looked at is judged', 6 * WINDOW_MS, () =>
    [...heard.judged.values()].find(({ runId }) => isShared(runId) && (heard.startedAtMs.get(runId) ?? 0) > fromMs),
  )
  await composed.scale(SHARED, 1)
  const toMs = Date.now()
  await windowsJudged(heard, { fromMs, toMs })
  const { runs, verdicts, ofRecords, ofTime } = findingsOf(heard, { fromMs, toMs })
  return [
    ['a second checker to the verdict on a run that both looked at', `${seconds(shared.tookMs)} (${shared.value.verdict})`, true],
    [`two checkers, then one again: verdicts of ${runs} windows`, JSON.stringify(verdicts), verdicts.fail === 0],
    ['false findings meanwhile', String(ofRecords + ofTime), ofRecords + ofTime === 0],
  ]
}

const KILL_EVERY_MS = { least: 15_000, most: 40_000 }
const DOWN_MS = { least: 500, most: 6_000 }

export interface Kills {
  readonly minutes: number
  readonly seed: number
}

/** One that is started again counts anew: it is asked before each kill. */
async function endedByThemselves({ restarts }: Composed): Promise<AgentName[]> {
  const counts = await Promise.all(agentNames.map(async (agent) => ({ agent, restarts: await restarts(agent) })))
  return counts.filter((one) => one.restarts > 0).map(({ agent }) => agent)
}

/** The volumes go in the end: what is needed to understand a window that did not pass is kept. */
async function keptFacts(heard: Heard, between: Between): Promise<string[]> {
  const paths: string[] = []
  for (const { runId } of runsIn(heard, between).told.filter(({ verdict }) => verdict !== 'pass')) {
    const path = join(await mkdtemp(join(tmpdir(), 'assay-e2e-facts-')), `${runId}.jsonl`)
    await writeFile(path, (heard.said.get(runId) ?? []).map((fact) => `${JSON.stringify(fact)}\n`).join(''))
    paths.push(path)
  }
  return paths
}

/** Agents die at random, and come back; nothing may be said of records that is not so. */
export async function randomKills({ composed, heard, note }: Scene, { minutes, seed }: Kills): Promise<Figure[]> {
  const random = createPrng(seed).stream('kills')
  const between = ({ least, most }: { least: number; most: number }) => least + random.below(most - least)
  note(`killing agents at random for ${minutes} minutes …`)
  const fromMs = Date.now()
  const untilMs = fromMs + minutes * 60_000
  const busy = busySince()
  let kills = 0
  const ended = new Set<AgentName>()
  while (Date.now() < untilMs) {
    for (const agent of await endedByThemselves(composed)) {
      if (!ended.has(agent)) note(`${agent} ended by itself:\n${await composed.lastLines(agent)}`)
      ended.add(agent)
    }
    const name = agentNames[random.below(agentNames.length)] ?? 'reporter'
    await composed.kill(name)
    await sleep(between(DOWN_MS))
    await composed.start(name)
    kills++
    await sleep(between(KILL_EVERY_MS))
  }
  await windowsJudged(heard, { fromMs, toMs: untilMs }).catch((error: unknown) => {
    note(String(error))
  })
  const { runs, judged, verdicts, ofRecords, ofTime, ofTimeExcused, reasons } = findingsOf(heard, { fromMs, toMs: untilMs })
  note(reasons.join('; '))
  for (const path of await keptFacts(heard, { fromMs, toMs: untilMs })) note(`what was said of a window that did not pass: ${path}`)
  return [
    [`${kills} agents killed in ${minutes} minutes: windows judged`, `${judged} of ${runs}`, judged === runs],
    ['agents that ended by themselves', [...ended].join(', ') || 'none', ended.size === 0],
    ['verdicts', JSON.stringify(verdicts), true],
    ['processors busy meanwhile', busy(), true],
    ['false findings about records', String(ofRecords), ofRecords === 0],
    ['false findings about time (late, stale, slow, unavailable)', String(ofTime), ofTime === 0],
    ['findings about time that the verdict itself holds against nobody', String(ofTimeExcused), true],
  ]
}

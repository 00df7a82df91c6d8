import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { requestOf } from '../../agents/cli/run.ts'
import { openTwoTopics } from '../../agents/cli/two-topics.ts'
import { AGENT_NAMES, startAgents } from '../../compose/local/agents.ts'
import { agentMemoryMib } from '../../compose/docker/services/agents.ts'
import { REPO_DIR } from '../../compose/local/layout.ts'
import { startStack } from '../../compose/local/stack.ts'
import type { AgentName } from '../../shared/core/agent.ts'
import { createPrng } from '../../shared/core/prng.ts'
import { COLLECT_EVERY_MS } from '../../shared/runtime/heap-limit.ts'
import { leftoversOf, type Leftovers } from './leftovers.ts'
import { floorsOf, growthOf, RULE, type Growth, type Sample } from './trend.ts'
import { WindowBook } from './windows.ts'

/**
 * `npm run soak [-- --minutes 45] [--rate 100] [--kill-every 60] [--seed 1]`: plan `continuous` on the local stack for so
 * long; with `--kill-every` an agent dies about every so many seconds. Prints windows, verdicts, the memory of each agent
 * over time, and what they have left behind; ends with 1 when a window failed, was lost, judged twice or not at all, when
 * memory grows towards its limit (trend.ts), or when anything is left.
 */
const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '45' },
    rate: { type: 'string', default: '100' },
    'kill-every': { type: 'string', default: '0' },
    seed: { type: 'string', default: '1' },
  },
})
const minutes = Number(values.minutes)
const killEveryMs = Number(values['kill-every']) * 1000
const ratePerSecond = Number(values.rate)
if (!(minutes > 0) || !(killEveryMs >= 0) || !(ratePerSecond > 0)) throw new Error('--minutes, --rate and --kill-every: expected numbers')

const SAMPLE_EVERY_MS = 5_000
/** Of each minute canaries are produced for so long. */
const PRODUCED_S = 50
/** One that was just started reads hours of facts: what it takes for that is not its level. */
const WARM_S = 90
const PROGRESS_EVERY_MS = 60_000
/** What a process of many systems may have open. */
const OPEN_FILES_LIMIT = 1_024
/** The last windows are judged within their time. */
const END_LIMIT_MS = 200_000
const MIB = 1024 * 1024

const note = (line: string) => process.stderr.write(`${line}\n`)
const resident = new Map<string, Sample[]>()
const handles = new Map<string, Sample[]>()
/** Where a slope of what is resident comes from; what none of them shows is the engine's and the libraries' own. */
const partsOfMemory = [
  { part: 'heap', metric: 'nodejs_heap_size_used_bytes', kept: new Map<string, Sample[]>() },
  { part: 'heap committed', metric: 'nodejs_heap_size_total_bytes', kept: new Map<string, Sample[]>() },
  { part: 'external', metric: 'nodejs_external_memory_bytes', kept: new Map<string, Sample[]>() },
]
/**
 * The query API holds its rows in memory, made for so many: at a higher rate it answers for less time back. What it reads anew after
 * the table was tidied must not take it the ten seconds after which it says that it cannot answer.
 */
const ROWS_HELD = 300_000
const OTHERS_PER_SECOND = 120
const heldMs = Math.min(7_200_000, Math.max(240_000, Math.round((ROWS_HELD / (ratePerSecond + OTHERS_PER_SECOND)) * 1000)))
const stack = await startStack({
  dir: join(REPO_DIR, '.assay', `soak-${process.pid}`),
  progress: note,
  serviceEnv: { ROWS_HELD_MS: String(heldMs) },
})
let isGood = false
try {
  isGood = await soak()
} finally {
  await stack.stop()
}
process.exit(isGood ? 0 : 1)

async function soak(): Promise<boolean> {
  const agents = await startAgents(stack, AGENT_NAMES, { progress: note })
  const parameters = { ratePerSecond: values.rate, canaries: String(ratePerSecond * PRODUCED_S) }
  const request = requestOf({ plan: 'continuous', parameters, atMs: Date.now() })
  const book = new WindowBook(request.runId)
  const topics = await openTwoTopics(
    (event) => {
      if (event.type === 'fact') book.hear(event.fact)
    },
    { environment: { ...process.env, ...stack.env } },
  )
  let kills = 0
  try {
    await topics.request(request)
    const fromMs = Date.now()
    const untilMs = fromMs + minutes * 60_000
    const killing = killAtRandom(untilMs, (name) => agents.startAgent(name))
    for (let turn = 1; Date.now() < untilMs; turn++) {
      await sleep(SAMPLE_EVERY_MS)
      await Promise.all(AGENT_NAMES.map((name) => sample(name, agents.ports[name] ?? 0)))
      if ((turn * SAMPLE_EVERY_MS) % PROGRESS_EVERY_MS === 0)
        note(`${Math.round((Date.now() - fromMs) / 60_000)} min  ${JSON.stringify(book.count())}`)
    }
    kills = await killing
    await topics.request({ kind: 'run-cancelled', runId: request.runId, requestedBy: 'soak', reason: 'the soak is over' })
    for (const endMs = Date.now() + END_LIMIT_MS; Date.now() < endMs && book.count().unjudged.length > 0;) await sleep(1_000)
  } finally {
    await topics.close()
  }
  await agents.stop()
  const { ASSAY_KAFKA_BOOTSTRAP: brokers = '', ASSAY_STATE_DIR: stateDir = '' } = stack.env
  return tell(book, { kills, left: await leftoversOf({ stateDir, brokers: brokers.split(',') }) })
}

async function killAtRandom(untilMs: number, start: (name: string) => Promise<void>): Promise<number> {
  const random = createPrng(Number(values.seed)).stream('kills')
  let kills = 0
  while (killEveryMs > 0) {
    await sleep(killEveryMs / 2 + random.below(killEveryMs))
    if (Date.now() > untilMs) break
    const name = AGENT_NAMES[random.below(AGENT_NAMES.length)] ?? 'reporter'
    await stack.stopProcess(name, 'SIGKILL')
    await start(name)
    kills++
  }
  return kills
}

/** An agent that is just being started is asked again the next time. */
async function sample(name: string, port: number): Promise<void> {
  const text = await fetch(`http://127.0.0.1:${port}/metrics`, { signal: AbortSignal.timeout(5_000) })
    .then((answer) => answer.text())
    .catch(() => '')
  const read = (metric: string) => new RegExp(`^${metric}(?:\\{[^}]*\\})? (\\S+)`, 'm').exec(text)?.[1]
  const life = Number(read('process_start_time_seconds') ?? 0)
  if (Date.now() / 1000 - life < WARM_S) return
  for (const { kept, metric } of [
    { kept: resident, metric: 'process_resident_memory_bytes' },
    { kept: handles, metric: 'process_open_fds' },
    ...partsOfMemory,
  ]) {
    const value = Number(read(metric) ?? Number.NaN)
    if (Number.isFinite(value)) kept.set(name, [...(kept.get(name) ?? []), { atMs: Date.now(), value, life }])
  }
}

function tell(book: WindowBook, { kills, left }: { kills: number; left: Leftovers }): boolean {
  const count = book.count()
  const lines: [text: string, isGood: boolean][] = [
    [
      `${count.windows} windows in ${minutes} minutes, ${kills} agents killed: ${JSON.stringify(count.verdicts)}`,
      count.verdicts.fail === 0,
    ],
    [`windows lost: ${count.lost.join(', ') || 'none'}; told as missed: ${count.missed}`, count.lost.length === 0],
    [
      `windows judged twice: ${count.judgedTwice.join(', ') || 'none'}; not judged: ${count.unjudged.join(', ') || 'none'}`,
      count.judgedTwice.length + count.unjudged.length === 0,
    ],
    [`windows amended: ${count.amended.join(', ') || 'none'}`, true],
  ]
  for (const [what, found] of Object.entries(left) as [keyof Leftovers, readonly string[]][])
    lines.push([`${what} left by agents that have ended: ${found.join(', ') || 'none'}`, found.length === 0])
  lines.push([`open files, and the least memory of each minute, from ${WARM_S} s after each start on: ${RULE}`, true])
  for (const name of AGENT_NAMES) lines.push(memoryOf(name))
  for (const [text, isFine] of lines) process.stdout.write(`${isFine ? 'ok  ' : 'NOT '} ${text}\n`)
  for (const reason of count.reasons) process.stdout.write(`     ${reason}\n`)
  return lines.every(([, isFine]) => isFine)
}

function memoryOf(name: AgentName): [text: string, isSound: boolean] {
  const limitMib = agentMemoryMib(name)
  const samplesOf = (of: ReadonlyMap<string, Sample[]>) => of.get(name) ?? []
  const grown = (of: ReadonlyMap<string, Sample[]>) => growthOf(floorsOf(samplesOf(of), COLLECT_EVERY_MS), limitMib * MIB)
  const memory = grown(resident)
  if (memory === null) return [`${name}: too few samples`, false]
  const open = growthOf(samplesOf(handles), OPEN_FILES_LIMIT)
  const most = Math.max(0, ...samplesOf(resident).map(({ value }) => value)) / MIB
  const parts = [
    `at most ${most.toFixed(0)} of ${limitMib} MiB`,
    `${slopesText(memory, MIB)} MiB an hour, allowed ${(memory.allowedPerHour / MIB).toFixed(1)}, noise ${(memory.end.noise / MIB).toFixed(1)} MiB`,
    `limit in ${memory.daysToLimit === Infinity ? 'no' : memory.daysToLimit.toFixed(1)} days`,
    ...partsOfMemory.flatMap(({ part, kept }) => {
      const growth = grown(kept)
      return growth === null ? [] : [`${part} ${slopesText(growth, MIB)}`]
    }),
    ...(open === null ? [] : [`${slopesText(open, 1)} open files an hour`]),
  ]
  return [`${name}: ${parts.join('; ')}`, memory.isSound && open?.isSound !== false]
}

/** Slopes of the second and the last third, the last with its standard error. */
function slopesText({ middle, end }: Growth, unit: number): string {
  return `${(middle.perHour / unit).toFixed(1)}, then ${(end.perHour / unit).toFixed(1)} ± ${(end.error / unit).toFixed(1)}`
}

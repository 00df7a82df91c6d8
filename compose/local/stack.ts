import { randomBytes, randomUUID } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { cacheFolder, ensureComponents } from './cache.ts'
import { signalGroup } from './child.ts'
import type { ExitStatus } from './child.ts'
import { pipelineEnv } from './configuration.ts'
import type { StackFacts } from './configuration.ts'
import { StackError } from './errors.ts'
import { clearLayout, createLayout, stackLayout } from './layout.ts'
import type { Keep, StackLayout } from './layout.ts'
import { withLock } from './lock.ts'
import { natsServer } from './nats.ts'
import type { NatsWish } from './nats-wish.ts'
import { freePorts } from './ports.ts'
import { startTimeOf } from './process-identity.ts'
import { NODE_ARGS, STOP_ORDER, stackSteps, withNeeds, writeConfiguration } from './services.ts'
import type { Step, StepName } from './step.ts'
import { startStep, startSteps } from './startup.ts'
import { readStackState } from './state.ts'
import type { ServiceRecord, StackState } from './state.ts'
import { Supervision, isSupervised } from './supervision.ts'
import { sweep } from './sweep.ts'

/** Ends the process at once whatever it does about it, or asks it to end: after these, an end is no crash. */
const ENDING_SIGNALS: ReadonlySet<NodeJS.Signals> = new Set(['SIGKILL', 'SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGHUP', 'SIGABRT'])
const GRACE_MS = 10_000

export interface StackOptions {
  /** Folder of this stack's state, logs and data; two stacks in two folders do not meet. */
  dir: string
  progress: (line: string) => void
  /** Added to the environment of the reference pipeline's processes, e.g. `NORMALISER_DEFECT`. */
  serviceEnv?: Record<string, string>
  /** Leave logs, reports and data when the stack stops; otherwise all of it is removed. */
  keepData?: boolean
  /** Leave logs and the agents' folder, but no data. */
  keepReports?: boolean
  /** Whether the feed comes over NATS and a gateway; agents are then told the topology that begins there. Left out: never. */
  nats?: NatsWish
  /** Start these and what they need, not all. */
  only?: readonly StepName[]
}

export interface StackService extends ServiceRecord {
  name: string
  alive: boolean
}

export interface StartedProcess {
  pid: number
  logFile: string
  exited: Promise<number | null>
}

/** A running stack. */
export interface Stack {
  readonly dir: string
  /** The environment that configures agents and the pipeline's processes. */
  readonly env: Readonly<Record<string, string>>
  services(): StackService[]
  pidOf(name: string): number
  /** Ends a service in an orderly way and starts it anew on its ports; `env` stays with it from then on. */
  restart(name: string, env?: Record<string, string>): Promise<void>
  /** Signals the process group of a service or process. */
  kill(name: string, signal: NodeJS.Signals): void
  /** Starts `node <args>` as one more supervised process, with the stack's environment and `env`. */
  startProcess(spec: ProcessSpec): Promise<StartedProcess>
  stopProcess(name: string, signal?: NodeJS.Signals): Promise<void>
  stop(): Promise<void>
}

export interface ProcessSpec {
  name: string
  args: readonly string[]
  env: Record<string, string>
}

/** Starts the reference pipeline, or the `only` parts of it. When it fails, nothing of it is left but its logs. */
export async function startStack(options: StackOptions): Promise<Stack> {
  const layout = stackLayout(options.dir)
  const components = await ensureComponents(cacheFolder(process.env), options.progress)
  const facts = await chooseFacts(layout, await natsServer(options.nats ?? 'never', process.env['PATH'] ?? '', options.progress))
  const supervision = await claimFolder(facts, options)
  try {
    await writeConfiguration(facts, components)
    const steps = stackSteps(facts, components, options.serviceEnv ?? {})
    const wanted = options.only === undefined ? steps : withNeeds(steps, options.only)
    await startSteps({ supervision, steps: wanted, progress: options.progress })
    supervision.state.phase = 'running'
    supervision.save()
    return new RunningStack({ supervision, steps: wanted, progress: options.progress })
  } catch (error) {
    // The logs are what the error speaks of: they stay, whatever else was wished.
    if (supervision.state.keep === 'nothing') supervision.state.keep = 'reports'
    await supervision.endAll(stopGroups({ names: [], keep: supervision.state.keep }))
    throw error
  }
}

async function chooseFacts(layout: StackLayout, nats: string | null): Promise<StackFacts> {
  const [kafka = 0, kafkaController = 0, s3 = 0, registry = 0, catalog = 0, connect = 0, api = 0, ...ofNats] = await freePorts(10)
  const [port = 0, monitorPort = 0, gatewayPort = 0] = ofNats
  return {
    layout,
    ports: { kafka, kafkaController, s3, registry, catalog, connect, api },
    s3: { region: 'us-east-1', accessKey: 'assay-local', secretKey: randomBytes(16).toString('hex') },
    apiKey: randomBytes(16).toString('hex'),
    ...(nats === null ? {} : { nats: { binary: nats, port, monitorPort, gatewayPort } }),
  }
}

/** Makes the folder this stack's own: refuses a living stack, clears away a dead one. */
async function claimFolder(facts: StackFacts, options: StackOptions): Promise<Supervision> {
  const { layout } = facts
  await mkdir(layout.dir, { recursive: true })
  const lock = {
    path: `${layout.dir}.lock`,
    onWait: (pid: number) => {
      options.progress(`waiting for process ${pid}, which starts a stack in ${layout.dir}`)
    },
  }
  return withLock(lock, async () => {
    const previous = readStackState(layout.stateFile)
    if (previous !== undefined) await clearPrevious(layout, previous)
    await clearLayout({ ...layout, supervisorLog: `${layout.supervisorLog}.previous` }, 'nothing')
    await createLayout(layout)
    const supervision = new Supervision(layout, await newState(facts, keepOf(options)), options.progress)
    supervision.save()
    return supervision
  })
}

async function clearPrevious(layout: StackLayout, previous: StackState): Promise<void> {
  if (await isSupervised(previous)) {
    throw new StackError(
      'already-running',
      `a stack runs in ${layout.dir} already, supervised by process ${previous.pid} since ${previous.startedAt}`,
    )
  }
  await sweep({ id: previous.id, recorded: Object.values(previous.services) })
}

async function newState(facts: StackFacts, keep: Keep): Promise<StackState> {
  return {
    id: randomUUID(),
    pid: process.pid,
    startTime: await startTimeOf(process.pid),
    startedAt: new Date().toISOString(),
    phase: 'starting',
    keep,
    env: pipelineEnv(facts),
    services: {},
  }
}

function keepOf(options: StackOptions): Keep {
  if (options.keepData === true) return 'everything'
  return options.keepReports === true ? 'reports' : 'nothing'
}

/** Extra processes first. Servers whose data goes with them need no orderly end. */
function stopGroups({
  names,
  keep,
}: {
  names: readonly string[]
  keep: Keep
}): { names: readonly string[]; signal: NodeJS.Signals; graceMs: number }[] {
  const [writers = [], ...servers] = STOP_ORDER
  const signal = keep === 'everything' ? 'SIGTERM' : 'SIGKILL'
  return [
    { names, signal: 'SIGTERM', graceMs: GRACE_MS },
    { names: writers, signal: 'SIGTERM', graceMs: GRACE_MS },
    ...servers.map((group) => ({ names: group, signal, graceMs: GRACE_MS }) as const),
  ]
}

class RunningStack implements Stack {
  readonly dir: string
  readonly env: Readonly<Record<string, string>>
  readonly #supervision: Supervision
  readonly #progress: (line: string) => void
  readonly #steps = new Map<string, Step>()
  readonly #extras = new Set<string>()
  #stopping: Promise<void> | undefined

  constructor(parts: { supervision: Supervision; steps: readonly Step[]; progress: (line: string) => void }) {
    this.#supervision = parts.supervision
    this.#progress = parts.progress
    this.dir = parts.supervision.layout.dir
    this.env = Object.freeze({ ...parts.supervision.state.env })
    for (const step of parts.steps) this.#steps.set(step.name, step)
  }

  services(): StackService[] {
    const records = Object.entries(this.#supervision.state.services)
    return records.map(([name, record]) => ({ name, ...record, alive: this.#supervision.isAlive(name) }))
  }

  pidOf(name: string): number {
    return this.#supervision.find(name).child.pid
  }

  async restart(name: string, env: Record<string, string> = {}): Promise<void> {
    const step = this.#steps.get(name)
    if (step?.kind !== 'service') throw new StackError('service-unknown', `${name} is no service of the stack`)
    if (this.#supervision.isAlive(name)) await this.#supervision.end(name, { signal: 'SIGTERM', graceMs: GRACE_MS })
    const renewed = { ...step, process: { ...step.process, env: { ...step.process.env, ...env } } }
    this.#steps.set(name, renewed)
    await startStep({ supervision: this.#supervision, steps: [], progress: this.#progress }, renewed)
  }

  kill(name: string, signal: NodeJS.Signals): void {
    const supervised = this.#supervision.find(name)
    if (ENDING_SIGNALS.has(signal)) supervised.endExpected = true
    signalGroup(supervised.child.pid, signal)
  }

  async startProcess(spec: ProcessSpec): Promise<StartedProcess> {
    if (this.#steps.has(spec.name))
      throw new StackError('service-failed', `${spec.name} is the name of a service of the stack; give the process another`)
    this.#extras.add(spec.name)
    const env = { ...this.env, ...spec.env }
    const child = await this.#supervision.launch({
      name: spec.name,
      command: process.execPath,
      args: [...NODE_ARGS, ...spec.args],
      env,
      ports: {},
    })
    return { pid: child.pid, logFile: child.logFile, exited: child.exited.then((status: ExitStatus) => status.code) }
  }

  async stopProcess(name: string, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (this.#supervision.isAlive(name)) await this.#supervision.end(name, { signal, graceMs: GRACE_MS })
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#supervision.endAll(stopGroups({ names: [...this.#extras], keep: this.#supervision.state.keep }))
    return this.#stopping
  }
}

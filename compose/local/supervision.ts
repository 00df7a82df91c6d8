import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describeExit, logTail, signalGroup, startChild } from './child.ts'
import type { Child, ExitStatus } from './child.ts'
import { StackError } from './errors.ts'
import { REPO_DIR, clearLayout } from './layout.ts'
import type { StackLayout } from './layout.ts'
import { isSameProcess } from './process-identity.ts'
import { MARK_VARIABLE, writeStackState } from './state.ts'
import type { StackState } from './state.ts'
import { sweep } from './sweep.ts'

const GROUP_END_POLL_MS = 20
/** A zombie that nobody collects stays in its group for ever; it holds nothing and is let be. */
const GROUP_END_POLLS_MAX = 250
const REAPER_LIMIT_MS = 20_000
const REAPER_RESTARTS_MAX = 5

export interface LaunchSpec {
  name: string
  command: string
  args: readonly string[]
  env: Readonly<Record<string, string | undefined>>
  ports: Readonly<Record<string, number>>
  healthUrl?: string
}

export interface Supervised {
  child: Child
  /** Set before we end it ourselves: only an end nobody asked for is a crash. */
  endExpected: boolean
}

/** All processes of one stack: started, written down, watched and ended. */
export class Supervision {
  readonly layout: StackLayout
  readonly state: StackState
  readonly #progress: (line: string) => void
  readonly #running = new Map<string, Supervised>()
  readonly #crashWatchers = new Set<(error: StackError) => void>()
  #reaper: ChildProcess
  #reaperRestarts = 0
  #stopped = false

  constructor(layout: StackLayout, state: StackState, progress: (line: string) => void) {
    this.layout = layout
    this.state = state
    this.#progress = progress
    this.#reaper = this.#startReaper()
  }

  find(name: string): Supervised {
    const supervised = this.#running.get(name)
    if (supervised === undefined) {
      throw new StackError('service-unknown', `the stack has no process ${name}, it has ${[...this.#running.keys()].join(', ')}`)
    }
    return supervised
  }

  isAlive(name: string): boolean {
    return this.#running.get(name)?.child.ended() === false
  }

  async launch(spec: LaunchSpec): Promise<Child> {
    if (this.isAlive(spec.name)) throw new StackError('service-failed', `${spec.name} runs already, pid ${this.find(spec.name).child.pid}`)
    const child = await startChild({
      name: spec.name,
      command: spec.command,
      args: spec.args,
      env: { ...process.env, ...spec.env, [MARK_VARIABLE]: this.state.id },
      cwd: REPO_DIR,
      logFile: this.logFile(spec.name),
      pidFile: join(this.layout.pidDir, `${spec.name}.pid`),
    })
    const supervised = { child, endExpected: false }
    this.#running.set(spec.name, supervised)
    const { startTime } = await child.identity
    const health = spec.healthUrl === undefined ? {} : { healthUrl: spec.healthUrl }
    this.state.services[spec.name] = { pid: child.pid, startTime, ports: { ...spec.ports }, logFile: child.logFile, ...health }
    this.save()
    void child.exited.then((status) => this.#onExit(supervised, status))
    return child
  }

  logFile(name: string): string {
    return join(this.layout.logDir, `${name}.log`)
  }

  save(): void {
    if (!this.#stopped) writeStackState(this.layout.stateFile, this.state)
  }

  /** Rejects when a process ends that nobody asked to end; `forget` ends the watch. */
  watchCrashes(): { crashed: Promise<never>; forget: () => void } {
    let watcher: (error: StackError) => void = () => undefined
    const crashed = new Promise<never>((_, reject) => {
      watcher = reject
      this.#crashWatchers.add(reject)
    })
    crashed.catch(() => undefined) // whoever races with it hears it there
    return { crashed, forget: () => this.#crashWatchers.delete(watcher) }
  }

  /** Asks a process to end, waits, then ends it for certain. */
  async end(name: string, ask: { signal: NodeJS.Signals; graceMs: number }): Promise<void> {
    const supervised = this.find(name)
    const { child } = supervised
    supervised.endExpected = true
    signalGroup(child.pid, ask.signal)
    // A stopped process takes no signal but SIGKILL until it is continued.
    signalGroup(child.pid, 'SIGCONT')
    const patience = new AbortController()
    await Promise.race([child.exited, sleep(ask.graceMs, undefined, { signal: patience.signal }).catch(() => undefined)])
    patience.abort()
    for (let poll = 0; poll < GROUP_END_POLLS_MAX && signalGroup(child.pid, 'SIGKILL'); poll += 1) await sleep(GROUP_END_POLL_MS)
    await child.exited
  }

  /** Ends everything in the given order of groups, and whatever the groups do not name. */
  async endAll(groups: readonly { names: readonly string[]; signal: NodeJS.Signals; graceMs: number }[]): Promise<void> {
    this.state.phase = 'stopping'
    this.save()
    for (const group of groups) {
      const alive = group.names.filter((name) => this.isAlive(name))
      await Promise.all(alive.map((name) => this.end(name, group)))
    }
    for (const supervised of this.#running.values()) supervised.endExpected = true
    await sweep({ id: this.state.id, recorded: Object.values(this.state.services) })
    // From here on the reaper does what it would do after our death: one way to the end, used every day.
    this.#stopped = true
    await this.#endReaper()
    await clearLayout(this.layout, this.state.keep)
  }

  async #onExit({ child, endExpected }: Supervised, status: ExitStatus): Promise<void> {
    if (endExpected) return
    const tail = await logTail(child.logFile)
    const error = new StackError(
      'service-failed',
      `${child.name} ended by itself: ${describeExit(status)} (log ${child.logFile}); its last lines:\n${tail}`,
    )
    if (this.#crashWatchers.size === 0) this.#progress(error.message)
    for (const watcher of this.#crashWatchers) watcher(error)
  }

  #startReaper(): ChildProcess {
    const log = openSync(this.logFile('reaper'), 'a')
    const args = ['--disable-warning=ExperimentalWarning', join(import.meta.dirname, 'reaper.ts'), this.layout.dir, this.state.id]
    const reaper = spawn(process.execPath, args, { detached: true, stdio: ['pipe', log, log] })
    closeSync(log)
    // Writing to a reaper that is gone fails; its exit is what we act on.
    reaper.stdin?.on('error', () => undefined)
    reaper.once('exit', () => {
      this.#onReaperExit()
    })
    reaper.unref()
    return reaper
  }

  #onReaperExit(): void {
    if (this.#stopped || this.#reaperRestarts >= REAPER_RESTARTS_MAX) return
    this.#reaperRestarts += 1
    this.#progress(`the reaper ended by itself (log ${this.logFile('reaper')}); starting another`)
    this.#reaper = this.#startReaper()
  }

  /** It sweeps once more, for what was started while we stopped, and goes. */
  async #endReaper(): Promise<void> {
    const reaper = this.#reaper
    if (reaper.exitCode !== null || reaper.signalCode !== null || reaper.pid === undefined) return
    const exited = new Promise((resolve) => reaper.once('exit', resolve))
    reaper.ref()
    reaper.stdin?.end()
    const limit = new AbortController()
    await Promise.race([exited, sleep(REAPER_LIMIT_MS, undefined, { signal: limit.signal }).catch(() => undefined)])
    limit.abort()
  }
}

/** True while the process that supervises the recorded stack lives. */
export function isSupervised(state: StackState): Promise<boolean> {
  return isSameProcess({ pid: state.pid, startTime: state.startTime })
}

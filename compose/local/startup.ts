import { setTimeout as sleep } from 'node:timers/promises'
import { describeExit, logTail } from './child.ts'
import { StackError } from './errors.ts'
import type { ProbeAnswer } from './probes.ts'
import type { Step, StepName } from './step.ts'
import type { Supervision } from './supervision.ts'

const STEP_LIMIT_MS = 120_000
const PROBE_PAUSE_MS = 100
const NOTICE_EVERY_MS = 10_000

export interface Startup {
  supervision: Supervision
  steps: readonly Step[]
  progress: (line: string) => void
}

/** Starts each step as soon as what it needs is there; the first failure is the failure of all. */
export async function startSteps(startup: Startup): Promise<void> {
  const watch = startup.supervision.watchCrashes()
  const done = new Map<StepName, Promise<void>>()
  const run = (step: Step): Promise<void> => {
    const known = done.get(step.name)
    if (known !== undefined) return known
    const needed = startup.steps.filter((other) => step.needs.includes(other.name)).map(run)
    const promise = Promise.all(needed).then(() => startStep(startup, step))
    done.set(step.name, promise)
    return promise
  }
  try {
    await Promise.race([Promise.all(startup.steps.map(run)), watch.crashed])
  } finally {
    watch.forget()
  }
}

/** Runs one step to its end, telling what it does and how long it took. */
export async function startStep(startup: Startup, step: Step): Promise<void> {
  const startedMs = Date.now()
  const seconds = () => `${((Date.now() - startedMs) / 1000).toFixed(1)} s`
  const log = step.kind === 'action' ? '' : `  (log ${startup.supervision.logFile(step.name)})`
  startup.progress(`starting ${step.name} …`)
  const notice = setInterval(() => {
    startup.progress(`still starting ${step.name} … ${seconds()}${log}`)
  }, NOTICE_EVERY_MS)
  try {
    await perform(startup.supervision, step)
  } finally {
    clearInterval(notice)
  }
  startup.progress(`started ${step.name} … ${seconds()}${log}`)
}

async function perform(supervision: Supervision, step: Step): Promise<void> {
  switch (step.kind) {
    case 'action':
      return waitUntilOk({ step, probe: step.act })
    case 'service':
      await supervision.launch({ name: step.name, ...step.process })
      return waitUntilOk({
        step,
        probe: step.probe,
        logFile: supervision.logFile(step.name),
        stillWanted: () => supervision.isAlive(step.name),
      })
    case 'task': {
      const child = await supervision.launch({ name: step.name, ...step.process })
      supervision.find(step.name).endExpected = true
      const status = await Promise.race([child.exited, sleep(STEP_LIMIT_MS, 'late' as const, { ref: false })])
      if (status === 'late')
        throw new StackError('service-late', `${step.name} did not end within ${STEP_LIMIT_MS} ms (log ${child.logFile})`)
      if (status.code === 0) return
      throw new StackError(
        'service-failed',
        `${step.name} failed: ${describeExit(status)} (log ${child.logFile}); its last lines:\n${await logTail(child.logFile)}`,
      )
    }
  }
}

interface Wait {
  step: Step
  probe: () => Promise<ProbeAnswer>
  logFile?: string
  stillWanted?: () => boolean
}

async function waitUntilOk({ step, probe, logFile, stillWanted = () => true }: Wait): Promise<void> {
  const deadlineMs = Date.now() + STEP_LIMIT_MS
  let answer: ProbeAnswer = { not: 'not asked yet' }
  while (Date.now() < deadlineMs) {
    answer = await probe()
    const alive = stillWanted()
    if (answer === 'ok' && alive) return
    if (!alive) throw new StackError('service-failed', `${step.name} ended while it started${await ending(logFile)}`)
    await sleep(PROBE_PAUSE_MS)
  }
  const last = answer === 'ok' ? 'ok' : answer.not
  throw new StackError(
    'service-late',
    `${step.name} was not healthy within ${STEP_LIMIT_MS} ms; its last answer: ${last}${await ending(logFile)}`,
  )
}

async function ending(logFile: string | undefined): Promise<string> {
  return logFile === undefined ? '' : ` (log ${logFile}); its last lines:\n${await logTail(logFile)}`
}

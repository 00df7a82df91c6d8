import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { startAgents } from './agents.ts'
import { inspectServices } from './inspect.ts'
import { stackLayout } from './layout.ts'
import { isFree } from './ports.ts'
import { isSameProcess, pidsMarked } from './process-identity.ts'
import { startStack } from './stack.ts'
import type { Stack } from './stack.ts'
import { markOf, readStackState } from './state.ts'
import type { StackState } from './state.ts'

const START_LIMIT_MS = 180_000
const GONE_LIMIT_MS = 15_000
const POLL_MS = 100

const DUMMY_AGENT = `
import { createServer } from 'node:http'
if (!process.env.PIPELINE_KAFKA_BOOTSTRAP) process.exit(9)
createServer((request, response) => response.writeHead(request.url === '/readyz' ? 200 : 404).end()).listen(process.env.ASSAY_AGENT_PORT, '127.0.0.1')
`

async function waitFor(what: () => Promise<boolean> | boolean, limitMs: number): Promise<boolean> {
  const deadlineMs = Date.now() + limitMs
  while (Date.now() < deadlineMs) {
    if (await what()) return true
    await sleep(POLL_MS)
  }
  return false
}

function stateOf(dir: string): StackState {
  const state = readStackState(stackLayout(dir).stateFile)
  if (state === undefined) throw new Error(`${dir} holds no state of a stack`)
  return state
}

async function expectNothingLeft(dir: string, state: StackState): Promise<void> {
  const records = Object.values(state.services)
  expect(records.length).toBeGreaterThan(0)
  expect(await Promise.all(records.map(isSameProcess))).toEqual(records.map(() => false))
  expect(await pidsMarked(markOf(state.id))).toEqual([])
  const ports = records.flatMap((record) => Object.values(record.ports))
  expect(await Promise.all(ports.map(isFree))).toEqual(ports.map(() => true))
  expect(existsSync(dir)).toBe(false)
}

describe('the whole stack', () => {
  let parent = ''
  let dir = ''
  let stack: Stack
  const lines: string[] = []

  beforeAll(async () => {
    parent = await mkdtemp(join(tmpdir(), 'assay-stack-'))
    dir = join(parent, 'stack')
    stack = await startStack({ dir, progress: (line) => lines.push(line), serviceEnv: { FEED_PER_SECOND: '5' } })
  }, START_LIMIT_MS)
  afterAll(() => rm(parent, { recursive: true }))

  test('every service lives and answers', async () => {
    const rows = await inspectServices(stateOf(dir))
    expect(rows.map((row) => row.name).sort()).toEqual([
      'api',
      'catalog',
      'connect',
      'feed',
      'kafka',
      'keeper',
      'normaliser',
      'registry',
      's3',
    ])
    expect(rows.filter((row) => row.condition !== 'running')).toEqual([])
    const tables = await fetch(`${stack.env['PIPELINE_CATALOG_URL'] ?? ''}/v1/namespaces/market/tables`)
    expect(await tables.json()).toMatchObject({ identifiers: [{ namespace: ['market'], name: 'trades' }] })
  })

  test('a second stack in the same folder is refused, naming the first', async () => {
    await expect(startStack({ dir, progress: () => undefined })).rejects.toThrow(`supervised by process ${process.pid}`)
  })

  test(
    'a service that dies by itself is told of with its log; restarted, it has its port again',
    async () => {
      process.kill(stack.pidOf('api'), 'SIGKILL')
      expect(await waitFor(() => lines.some((line) => line.startsWith('api ended by itself: signal SIGKILL (log ')), GONE_LIMIT_MS)).toBe(
        true,
      )
      await stack.restart('api', { LOG_LEVEL: 'warn' })
      expect((await fetch(`${stack.env['PIPELINE_API_URL'] ?? ''}/health`)).status).toBe(200)
    },
    START_LIMIT_MS,
  )

  test('agents are started until ready, killed without a fuss, and started again on the same port', async () => {
    const script = join(dir, 'assay', 'agent.mjs')
    await writeFile(script, DUMMY_AGENT)
    const agents = await startAgents(stack, ['one', 'two'], { progress: (line) => lines.push(line), argsOf: () => [script] })
    const first = stack.pidOf('one')
    agents.killAgent('one', 'SIGKILL')
    expect(await waitFor(() => stack.services().some((service) => service.name === 'one' && !service.alive), GONE_LIMIT_MS)).toBe(true)
    await agents.startAgent('one')
    expect(stack.pidOf('one')).not.toBe(first)
    expect((await fetch(`http://127.0.0.1:${agents.ports['one'] ?? 0}/readyz`)).status).toBe(200)
    expect(lines.filter((line) => line.startsWith('one ended by itself'))).toEqual([])
  })

  test(
    'a stop leaves no process, no port and no folder',
    async () => {
      const state = stateOf(dir)
      await stack.stop()
      await expectNothingLeft(dir, state)
    },
    START_LIMIT_MS,
  )
})

describe('a supervisor that is killed with SIGKILL', () => {
  let parent = ''
  beforeEach(async () => {
    parent = await mkdtemp(join(tmpdir(), 'assay-killed-'))
  })
  afterEach(() => rm(parent, { recursive: true }))

  /** A process that supervises a broker and one extra process, and says which line it has come to. */
  function startSupervisor(dir: string) {
    const program = `
      import { startStack } from ${JSON.stringify(join(import.meta.dirname, 'stack.ts'))}
      const stack = await startStack({ dir: ${JSON.stringify(dir)}, only: ['kafka'], progress: (line) => console.log(line) })
      await stack.startProcess({ name: 'extra', args: ['-e', 'setInterval(() => {}, 1000)'], env: {} })
      console.log('up')`
    const supervisor = spawn(process.execPath, ['--input-type=module', '--eval', program], { stdio: ['ignore', 'pipe', 'inherit'] })
    const lines = createInterface(supervisor.stdout)
    const reached = (wanted: string) =>
      new Promise<void>((resolve, reject) => {
        lines.on('line', (line) => {
          if (line.startsWith(wanted)) resolve()
        })
        lines.once('close', () => {
          reject(new Error(`the supervisor ended before it said "${wanted}"`))
        })
      })
    return { supervisor, reached }
  }

  test.each(['starting kafka …', 'up'])(
    'at "%s" leaves no process, no port and no folder',
    async (moment) => {
      const dir = join(parent, 'stack')
      const { supervisor, reached } = startSupervisor(dir)
      await reached(moment)
      const state = stateOf(dir)
      supervisor.kill('SIGKILL')
      expect(await waitFor(() => !existsSync(dir), GONE_LIMIT_MS)).toBe(true)
      await expectNothingLeft(dir, state)
    },
    START_LIMIT_MS,
  )
})

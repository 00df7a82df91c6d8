import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freePort } from '../../compose/local/ports.ts'

const GATE = join(import.meta.dirname, '../../compose/docker/runtime/socket-gate.ts')
const LABELLED = 'a'.repeat(64)
const OTHER = 'b'.repeat(64)

let dir: string
let engine: Server
let gate: ChildProcess
let url: string
const passed: string[] = []
let logged = ''

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'assay-gate-'))
  const socket = join(dir, 'docker.sock')
  engine = createServer((request, response) => {
    const asked = `${request.method ?? ''} ${request.url ?? ''}`
    passed.push(asked)
    const names: Readonly<Record<string, string>> = { connect: LABELLED, kafka: OTHER }
    const [, name = ''] = /^GET \/containers\/([a-z]+)\/json$/.exec(asked) ?? []
    const id = names[name]
    if (name !== '' && id === undefined) response.writeHead(404).end('{"message":"no such container"}')
    else if (id !== undefined) {
      const labels = id === LABELLED ? { 'assay.chaos': 'allowed' } : {}
      response.end(JSON.stringify({ Id: id, Name: `/${name}`, State: { Running: true }, Config: { Labels: labels, Env: ['SECRET=1'] } }))
    } else if (asked.endsWith('one-shot=true')) response.end(asked)
    else response.writeHead(asked === 'GET /_ping' ? 200 : 204).end()
  }).listen(socket)
  await once(engine, 'listening')
  const port = await freePort()
  url = `http://127.0.0.1:${port}`
  gate = spawn(process.execPath, [GATE, socket, String(port)], { stdio: ['ignore', 'pipe', 'inherit'] })
  const { stdout } = gate
  if (stdout === null) throw new Error('the gate was given a pipe, and has none')
  await once(stdout, 'data')
  stdout.on('data', (text) => (logged += String(text)))
})

afterAll(async () => {
  const ended = once(gate, 'exit')
  gate.kill()
  await ended
  engine.close()
  await rm(dir, { recursive: true })
})

const ask = async (method: string, path: string) => {
  passed.length = 0
  return fetch(url + path, { method })
}

test('a container with the label is paused by its id, whoever bears its name by then', async () => {
  expect((await ask('POST', '/containers/connect/pause')).status).toBe(204)
  expect(passed).toEqual(['GET /containers/connect/json', `POST /containers/${LABELLED}/pause`])
})

test.each([
  ['POST', '/containers/kafka/kill'],
  ['GET', '/containers/kafka/json'],
  ['GET', '/containers/kafka/stats?stream=false&one-shot=true'],
])('one without it is neither touched nor looked at: %s %s', async (method, path) => {
  expect((await ask(method, path)).status).toBe(403)
  expect(passed).toEqual(['GET /containers/kafka/json'])
})

test('what one with it uses is read once, by its id', async () => {
  const reading = `GET /containers/${LABELLED}/stats?stream=false&one-shot=true`
  expect(await (await ask('GET', '/containers/connect/stats?stream=false&one-shot=true')).text()).toBe(reading)
  expect(passed).toEqual(['GET /containers/connect/json', reading])
})

test('the log tells what was done and what was refused, and not each look', async () => {
  logged = ''
  await ask('GET', '/containers/connect/json')
  await ask('GET', '/containers/connect/stats?stream=false&one-shot=true')
  await ask('GET', '/containers/kafka/json')
  await ask('POST', '/containers/connect/unpause')
  await expect.poll(() => logged).toContain('POST /containers/connect/unpause 204')
  expect(logged.split('\n').map((line) => line.slice(line.indexOf(' ') + 1))).toEqual([
    'GET /containers/kafka/json 403',
    'POST /containers/connect/unpause 204',
    '',
  ])
})

test('an inspection shows the state and no secret', async () => {
  expect(await (await ask('GET', '/containers/connect/json')).json()).toEqual({ Id: LABELLED, Name: '/connect', State: { Running: true } })
})

test.each([
  ['GET', '/containers/json', 403],
  ['POST', '/containers/create', 403],
  ['POST', '/images/prune', 403],
  ['GET', '/containers/nobody/json', 404],
  ['GET', '/containers/connect/stats', 403],
])('%s %s is answered %i, and reaches nothing', async (method, path, status) => {
  expect((await ask(method, path)).status).toBe(status)
  expect(passed.filter((asked) => !asked.startsWith('GET /containers/nobody'))).toEqual([])
})

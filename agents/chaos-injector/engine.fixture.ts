import { createServer } from 'node:http'
import type { ContainerStats } from './docker-api.ts'

/** Docker's API with one container, as far as chaos asks it. */
export interface FakeEngine {
  readonly api: string
  readonly state: {
    isRunning: boolean
    isPaused: boolean
    startedAt: string
    isGone: boolean
    refuses: boolean
    isSilent: boolean
    stats: ContainerStats
  }
  readonly asked: string[]
  /** Looks, as paths. */
  readonly looked: string[]
  close(): Promise<void>
}

export const CONTAINER_ID = 'c'.repeat(64)

export async function startFakeEngine(): Promise<FakeEngine> {
  const state: FakeEngine['state'] = {
    isRunning: true,
    isPaused: false,
    startedAt: '2026-11-23T05:00:00Z',
    isGone: false,
    refuses: false,
    isSilent: false,
    stats: { cpu_stats: { cpu_usage: { total_usage: 0 } } },
  }
  const asked: string[] = []
  const looked: string[] = []
  const server = createServer((request, response) => {
    const { url = '' } = request
    const what = url.split('/').at(-1) ?? ''
    if (request.method === 'POST') asked.push(what)
    else looked.push(url)
    if (state.isSilent) return
    if (state.refuses) response.writeHead(403).end('{"message":"no label"}')
    else if (state.isGone) response.writeHead(404).end('{}')
    else if (what === 'json') {
      const { isRunning, isPaused, startedAt } = state
      const status = isPaused ? 'paused' : isRunning ? 'running' : 'exited'
      const told = { Status: status, Running: isRunning, Paused: isPaused, StartedAt: startedAt }
      response.end(JSON.stringify({ Id: CONTAINER_ID, State: told }))
    } else if (what === 'stats?stream=false&one-shot=true') response.end(JSON.stringify(state.stats))
    else {
      const already = state.isPaused === (what === 'pause')
      state.isPaused = what === 'pause'
      response.writeHead(already ? 409 : 204).end()
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const close = () =>
    new Promise<void>((resolve) => {
      server.closeAllConnections()
      server.close(() => {
        resolve()
      })
    })
  return { api: `http://127.0.0.1:${port}`, state, asked, looked, close }
}

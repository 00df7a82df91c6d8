import { createServer } from 'node:http'

/** Docker's API with one container, as far as chaos asks it. */
export interface FakeEngine {
  readonly api: string
  readonly state: { isRunning: boolean; isPaused: boolean; startedAt: string; isGone: boolean; refuses: boolean }
  readonly asked: string[]
  close(): Promise<void>
}

export const CONTAINER_ID = 'c'.repeat(64)

export async function startFakeEngine(): Promise<FakeEngine> {
  const state = { isRunning: true, isPaused: false, startedAt: '2026-11-23T05:00:00Z', isGone: false, refuses: false }
  const asked: string[] = []
  const server = createServer((request, response) => {
    const what = request.url?.split('/').at(-1)
    if (request.method === 'POST') asked.push(what ?? '')
    if (state.refuses) response.writeHead(403).end('{"message":"no label"}')
    else if (state.isGone) response.writeHead(404).end('{}')
    else if (what === 'json') {
      const { isRunning, isPaused, startedAt } = state
      const told = { Status: isPaused ? 'paused' : 'running', Running: isRunning, Paused: isPaused, StartedAt: startedAt }
      response.end(JSON.stringify({ Id: CONTAINER_ID, State: told }))
    } else {
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
  return { api: `http://127.0.0.1:${port}`, state, asked, close }
}

import { createServer } from 'node:http'
import { once } from 'node:events'

/** A turn waits for the worker twice, 5 s each; beyond this the loop stands still. */
const TURN_MAX_MS = 30_000

export type Health = {
  port: number
  turned: (atMs: number) => void
  close: () => Promise<void>
}

/** `/health` is 200 while turns go by: of the keeper itself, whatever the worker it looks after does. */
export async function openHealth({ host, port }: { host: string; port: number }): Promise<Health> {
  let turnedAtMs = Date.now()
  const server = createServer((_request, response) => {
    const isWell = isTurning({ turnedAtMs, nowMs: Date.now() })
    response.writeHead(isWell ? 200 : 503, { 'content-type': 'application/json' }).end(JSON.stringify({ turnedAtMs }))
  }).listen(port, host)
  await once(server, 'listening')
  const address = server.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : port,
    turned: (atMs) => {
      turnedAtMs = atMs
    },
    close: async () => {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}

export const isTurning = ({ turnedAtMs, nowMs }: { turnedAtMs: number; nowMs: number }): boolean => nowMs - turnedAtMs <= TURN_MAX_MS

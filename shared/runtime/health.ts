import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Metrics } from './metrics.ts'

export interface HealthOptions {
  readonly host: string
  /** 0: chosen by the system. */
  readonly port: number
  readonly agent: string
  readonly instance: string
  readonly metrics: Metrics
  /** Ready, or the reason why not. Asked at each request. */
  readonly ready: () => true | string
  /** Further pages, such as the reporter's; true when it has answered. */
  readonly answer?: (request: IncomingMessage, response: ServerResponse) => boolean
}

export interface HealthServer {
  readonly port: number
  close(): Promise<void>
}

const HEADERS_TIMEOUT_MS = 5_000

/** `/healthz`: the process runs. `/readyz`: it has caught up, and may decide. `/metrics`: for Prometheus. */
export async function serveHealth(options: HealthOptions): Promise<HealthServer> {
  const server = createServer((request, response) => {
    answer(request, response, options).catch((error: unknown) => {
      send(response, 500, { status: 'failed', reason: error instanceof Error ? error.message : String(error) })
    })
  })
  server.headersTimeout = HEADERS_TIMEOUT_MS
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, options.host, resolve)
  })
  const address = server.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : options.port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve()
        })
        server.closeAllConnections()
      }),
  }
}

async function answer(request: IncomingMessage, response: ServerResponse, options: HealthOptions): Promise<void> {
  const { agent, instance, metrics, ready } = options
  switch (request.url?.split('?')[0]) {
    case '/healthz':
      send(response, 200, { status: 'up', agent, instance })
      return
    case '/readyz': {
      const state = ready()
      if (state === true) send(response, 200, { status: 'ready', agent, instance })
      else send(response, 503, { status: 'not ready', agent, instance, reason: state })
      return
    }
    case '/metrics': {
      const { text, contentType } = await metrics.text(request.headers.accept)
      response.writeHead(200, { 'content-type': contentType }).end(text)
      return
    }
    default:
      if (options.answer?.(request, response) !== true)
        send(response, 404, { status: 'unknown', paths: ['/healthz', '/readyz', '/metrics'] })
  }
}

function send(response: ServerResponse, status: number, body: object): void {
  if (!response.headersSent) response.writeHead(status, { 'content-type': 'application/json' })
  response.end(`${JSON.stringify(body)}\n`)
}

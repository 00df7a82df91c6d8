import { createServer } from 'node:http'
import type { Server } from 'node:http'
import { Counter, Gauge, Registry, collectDefaultMetrics } from 'prom-client'

export type GatewayMetrics = {
  moved: (batch: { records: number; deadLetters: number; position: number }) => void
  sessionBegan: () => void
  text: () => Promise<string>
  contentType: string
}

export function createMetrics(): GatewayMetrics {
  const registers = [new Registry()]
  const [registry] = registers as [Registry]
  collectDefaultMetrics({ register: registry })
  const records = new Counter({ registers, name: 'market_gateway_records_total', help: 'Messages written to the raw topic.' })
  const deadLetters = new Counter({ registers, name: 'market_gateway_dead_letters_total', help: 'Messages that could not be decoded.' })
  const sessions = new Counter({ registers, name: 'market_gateway_sessions_total', help: 'Times reading began at the stored position.' })
  const position = new Gauge({ registers, name: 'market_gateway_position', help: 'Sequence of the next message of the stream.' })
  return {
    moved(batch) {
      records.inc(batch.records)
      deadLetters.inc(batch.deadLetters)
      position.set(batch.position)
    },
    sessionBegan() {
      sessions.inc()
    },
    text: () => registry.metrics(),
    contentType: registry.contentType,
  }
}

export type Health = () => { ok: boolean; detail: string }

/** `/health` answers 200 while messages are being moved, else 503 with the reason; `/metrics` in Prometheus' text format. */
export function serveStatus(at: { host: string; port: number }, health: Health, metrics: GatewayMetrics): Server {
  const server = createServer((request, response) => {
    if (request.url === '/metrics') {
      void metrics.text().then((text) => response.writeHead(200, { 'content-type': metrics.contentType }).end(text))
      return
    }
    if (request.url !== '/health') {
      response.writeHead(404).end()
      return
    }
    const { ok, detail } = health()
    response.writeHead(ok ? 200 : 503, { 'content-type': 'application/json' }).end(JSON.stringify({ ok, detail }))
  })
  return server.listen(at.port, at.host)
}

import { createServer, request as askEngine, type IncomingMessage, type ServerResponse } from 'node:http'
import { allowedId, ONE_READING, passageOf, shownOf } from './gate-rules.ts'

/**
 * `socket-gate.ts <socket> <port>`: the one process that holds the engine's socket. It passes on inspection, one reading of
 * what is used, pause, unpause, kill and restart of containers that bear the label, and refuses everything else. Its log tells
 * all but looks that were answered: those come every few seconds.
 */
const TIMEOUT_MS = 30_000
const ANSWER_BYTES_MAX = 1024 * 1024

interface Answer {
  readonly status: number
  readonly text: string
}

const [socketPath = '', port = ''] = process.argv.slice(2)
if (socketPath === '' || port === '') throw new Error('usage: socket-gate.ts <socket> <port>')

function engine(method: string, path: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = askEngine({ socketPath, method, path, timeout: TIMEOUT_MS, headers: { host: 'docker' } }, (response) => {
      const chunks: Buffer[] = []
      let sizeBytes = 0
      response.on('data', (chunk: Buffer) => {
        sizeBytes += chunk.length
        if (sizeBytes > ANSWER_BYTES_MAX) request.destroy(new Error(`an answer of more than ${ANSWER_BYTES_MAX} bytes`))
        chunks.push(chunk)
      })
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') })
      })
      response.on('error', reject)
    })
    request.on('timeout', () => request.destroy(new Error(`no answer within ${TIMEOUT_MS} ms`)))
    request.on('error', reject)
    request.end()
  })
}

async function answerTo({ method = '', url = '' }: IncomingMessage): Promise<Answer> {
  const passage = passageOf(method, url)
  if (passage.kind === 'refuse') return refusal(passage.why)
  if (passage.kind === 'ping') return engine('GET', '/_ping')
  const found = await engine('GET', `/containers/${passage.container}/json`)
  if (found.status !== 200) return { status: found.status === 404 ? 404 : 502, text: message('no such container') }
  const inspected: unknown = JSON.parse(found.text)
  const id = allowedId(inspected)
  if (id === null) return refusal(`container ${passage.container} does not bear the label that allows it`)
  if (passage.kind === 'inspect') return { status: 200, text: JSON.stringify(shownOf(inspected)) }
  if (passage.kind === 'measure') return engine('GET', `/containers/${id}/stats${ONE_READING}`)
  return engine('POST', `/containers/${id}/${passage.action}${passage.query}`)
}

const message = (text: string) => JSON.stringify({ message: text })
const refusal = (why: string): Answer => ({ status: 403, text: message(why) })

async function serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
  incoming.resume()
  const { status, text } = await answerTo(incoming).catch((error: unknown) => ({ status: 502, text: message(String(error)) }))
  const isAnsweredLook = incoming.method === 'GET' && status === 200
  if (incoming.url !== '/_ping' && !isAnsweredLook)
    process.stdout.write(`${new Date().toISOString()} ${incoming.method ?? ''} ${incoming.url ?? ''} ${status}\n`)
  response.writeHead(status, { 'content-type': 'application/json' }).end(status === 204 || status === 304 ? undefined : text)
}

createServer((incoming, response) => void serve(incoming, response)).listen(Number(port), () => {
  process.stdout.write('listening\n')
})
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => process.exit())

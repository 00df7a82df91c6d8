import { createHmac } from 'node:crypto'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { BUCKET, CONNECTOR, type S3Access } from '../services/settings.ts'
import { HOST } from './configuration.ts'
import { messageOf } from './errors.ts'

/** `ok`, or what stands in the way at the moment. A probe does not throw: not to be reachable yet is its daily bread. */
export type ProbeAnswer = 'ok' | { not: string }

const PROBE_TIMEOUT_MS = 5_000
const BROKER_ANSWER_BYTES_MAX = 64 * 1024

export async function httpAnswers(url: string, init: RequestInit = {}): Promise<ProbeAnswer> {
  const { status, text } = await exchange(url, init)
  return status === 200 ? 'ok' : { not: `${url} answered ${status}: ${text.slice(0, 200)}` }
}

async function exchange(url: string, init: RequestInit): Promise<{ status: number; text: string }> {
  try {
    const response = await fetch(url, { ...init, signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) })
    return { status: response.status, text: await response.text() }
  } catch (error) {
    const cause = error instanceof Error && error.cause !== undefined ? ` (${messageOf(error.cause)})` : ''
    return { status: 0, text: `${messageOf(error)}${cause}` }
  }
}

/** Makes the bucket, or finds it made; either proves that the store answers and takes our keys. */
export async function bucketAnswers(endpoint: string, s3: S3Access): Promise<ProbeAnswer> {
  const url = `${endpoint}/${BUCKET}`
  const date = new Date().toUTCString()
  // AWS signature version 2: one line of code, and the store takes it as well as version 4.
  const signature = createHmac('sha1', s3.secretKey).update(`PUT\n\n\n${date}\n/${BUCKET}`).digest('base64')
  const { status, text } = await exchange(url, {
    method: 'PUT',
    headers: { Date: date, Authorization: `AWS ${s3.accessKey}:${signature}` },
  })
  return status === 200 || status === 409 ? 'ok' : { not: `PUT ${url} answered ${status}: ${text.slice(0, 200)}` }
}

/** Creates or updates the sink connector. Connect answers 409 while its workers rebalance. */
export async function putConnector(connect: string, config: Readonly<Record<string, string>>): Promise<ProbeAnswer> {
  const url = `${connect}/connectors/${CONNECTOR}/config`
  const body = JSON.stringify(config)
  const { status, text } = await exchange(url, { method: 'PUT', headers: { 'content-type': 'application/json' }, body })
  return status === 200 || status === 201 ? 'ok' : { not: `PUT ${url} answered ${status}: ${text.slice(0, 500)}` }
}

/** Asks the broker for metadata: it names itself only once it is registered, caught up and unfenced. */
export function brokerAnswers(port: number): Promise<ProbeAnswer> {
  return new Promise((resolve) => {
    const socket = connect({ host: HOST, port })
    const chunks: Buffer[] = []
    const end = (answer: ProbeAnswer) => {
      socket.destroy()
      resolve(answer)
    }
    socket.setTimeout(PROBE_TIMEOUT_MS, () => {
      end({ not: `broker on ${HOST}:${port} is silent` })
    })
    socket.once('error', (error) => {
      end({ not: error.message })
    })
    socket.once('close', () => {
      end({ not: `broker on ${HOST}:${port} closed the connection` })
    })
    socket.once('connect', () => {
      sendMetadataRequest(socket)
    })
    socket.on('data', (chunk) => {
      chunks.push(chunk)
      const brokers = brokerCount(Buffer.concat(chunks))
      if (brokers !== undefined) end(brokers > 0 ? 'ok' : { not: 'the broker is not registered yet' })
    })
  })
}

const METADATA_KEY = 3
const METADATA_VERSION = 1

/** Kafka's metadata request, version 1, for no topics at all. */
function sendMetadataRequest(socket: Socket): void {
  const request = Buffer.alloc(18)
  request.writeInt32BE(14, 0)
  request.writeInt16BE(METADATA_KEY, 4)
  request.writeInt16BE(METADATA_VERSION, 6)
  request.writeInt32BE(1, 8) // correlation id
  request.writeInt16BE(-1, 12) // no client id
  request.writeInt32BE(0, 14) // no topics
  socket.write(request)
}

/** Brokers in a metadata response; undefined until enough of it has arrived: size, correlation id, count. */
export function brokerCount(response: Buffer): number | undefined {
  if (response.length < 12) return undefined
  const sizeBytes = response.readInt32BE(0)
  return sizeBytes > BROKER_ANSWER_BYTES_MAX ? 0 : response.readInt32BE(8)
}

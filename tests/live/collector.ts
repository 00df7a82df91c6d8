import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createRequire } from 'node:module'

export interface ReceivedSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string
  readonly name: string
  readonly service: string
  readonly events: readonly string[]
}

export interface Collector {
  readonly endpoint: string
  spans(): readonly ReceivedSpan[]
  close(): Promise<void>
}

/** An OTLP collector over HTTP that keeps what it gets: protobuf, decoded by hand as far as the tests look. */
export async function startCollector(): Promise<Collector> {
  const spans: ReceivedSpan[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      spans.push(...decodeRequest(Buffer.concat(chunks)))
      response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    endpoint: `http://127.0.0.1:${port}`,
    spans: () => spans,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
}

interface ProtobufReader {
  readonly pos: number
  readonly len: number
  uint32(): number
  bytes(): Uint8Array
  string(): string
  skipType(wireType: number): void
}

const { Reader } = createRequire(import.meta.url)('protobufjs/minimal') as { Reader: { create(bytes: Uint8Array): ProtobufReader } }

/** Field numbers are those of opentelemetry-proto's trace/v1. */
function decodeRequest(bytes: Buffer): ReceivedSpan[] {
  return fieldsOf(bytes, 1).flatMap((resourceSpans) => {
    const service =
      fieldsOf(resourceSpans, 1)
        .flatMap((resource) => fieldsOf(resource, 1))
        .flatMap(attributeOf)
        .find(([key]) => key === 'service.name')?.[1] ?? ''
    return fieldsOf(resourceSpans, 2)
      .flatMap((scopeSpans) => fieldsOf(scopeSpans, 2))
      .map((span) => ({
        traceId: hex(fieldsOf(span, 1)[0]),
        spanId: hex(fieldsOf(span, 2)[0]),
        parentSpanId: hex(fieldsOf(span, 4)[0]),
        name: Buffer.from(fieldsOf(span, 5)[0] ?? []).toString(),
        service,
        events: fieldsOf(span, 11).map((event) => Buffer.from(fieldsOf(event, 2)[0] ?? []).toString()),
      }))
  })
}

function attributeOf(bytes: Uint8Array): [string, string][] {
  const key = Buffer.from(fieldsOf(bytes, 1)[0] ?? []).toString()
  const value = fieldsOf(bytes, 2)[0]
  return value === undefined ? [] : [[key, Buffer.from(fieldsOf(value, 1)[0] ?? []).toString()]]
}

/** All length-delimited occurrences of a field. */
function fieldsOf(bytes: Uint8Array, wanted: number): Uint8Array[] {
  const reader = Reader.create(bytes)
  const found: Uint8Array[] = []
  while (reader.pos < reader.len) {
    const tag = reader.uint32()
    if (tag >>> 3 === wanted && (tag & 7) === 2) found.push(reader.bytes())
    else reader.skipType(tag & 7)
  }
  return found
}

const hex = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString('hex')

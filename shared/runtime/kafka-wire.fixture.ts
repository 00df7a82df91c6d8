import { createServer, type AddressInfo } from 'node:net'

/** A broker of one topic with one partition, which answers what kafkajs asks before and while it describes a topic, and nothing else. */
export interface WireBroker {
  readonly bootstrap: string
  close(): Promise<void>
}

export interface WireTopic {
  readonly topic: string
  /** 32 hex digits. */
  readonly topicId: string
  readonly low: number
  /** For who reads committed records. */
  readonly stableEnd: number
  readonly end: number
  /** The newest version of the metadata exchange it speaks. */
  readonly metadataVersion: number
}

const LIST_OFFSETS = 2
const METADATA = 3
const API_VERSIONS = 18
const HEADER_BYTES = 8
const EARLIEST = -2n

export async function startWireBroker(topic: WireTopic): Promise<WireBroker> {
  const server = createServer((socket) => {
    let held = Buffer.alloc(0)
    socket.on('data', (more) => {
      held = Buffer.concat([held, more])
      while (held.length >= 4 && held.length >= 4 + held.readInt32BE(0)) {
        const frame = held.subarray(4, 4 + held.readInt32BE(0))
        held = held.subarray(4 + frame.length)
        const body = answerTo(frame, topic, (server.address() as AddressInfo).port)
        const answer = Buffer.concat([frame.subarray(4, HEADER_BYTES), body])
        socket.write(Buffer.concat([int32(answer.length), answer]))
      }
    })
    socket.on('error', () => undefined)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    bootstrap: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  }
}

function answerTo(frame: Buffer, topic: WireTopic, port: number): Buffer {
  const key = frame.readInt16BE(0)
  const version = frame.readInt16BE(2)
  // Behind the correlation id stands the client's name.
  const body = frame.subarray(HEADER_BYTES + 2 + frame.readInt16BE(HEADER_BYTES))
  switch (key) {
    case API_VERSIONS: {
      const versions = [
        [LIST_OFFSETS, 2],
        [METADATA, topic.metadataVersion],
        [API_VERSIONS, 2],
      ] as const
      return Buffer.concat([
        int16(0),
        array(versions.map(([api, newest]) => Buffer.concat([int16(api), int16(0), int16(newest)]))),
        int32(0),
      ])
    }
    case METADATA:
      return version === 12 ? flexibleMetadata(topic) : metadata(topic, port)
    case LIST_OFFSETS: {
      const isolation = body.readInt8(4)
      const end = isolation === 0 ? topic.end : topic.stableEnd
      const offset = body.readBigInt64BE(body.length - 8) === EARLIEST ? topic.low : end
      const partition = Buffer.concat([int32(0), int16(0), int64(-1), int64(offset)])
      return Buffer.concat([int32(0), array([Buffer.concat([text(topic.topic), array([partition])])])])
    }
    default:
      throw new Error(`nobody asks this broker for API ${key}`)
  }
}

/** Version 6. */
function metadata({ topic }: WireTopic, port: number): Buffer {
  const broker = Buffer.concat([int32(1), text('127.0.0.1'), int32(port), int16(-1)])
  const partition = Buffer.concat([int16(0), int32(0), int32(1), array([int32(1)]), array([int32(1)]), array([])])
  const described = Buffer.concat([int16(0), text(topic), Buffer.from([0]), array([partition])])
  return Buffer.concat([int32(0), array([broker]), int16(-1), int32(1), array([described])])
}

/** Version 12, as far as a reader of the id reads it. */
function flexibleMetadata({ topic, topicId }: WireTopic): Buffer {
  const name = Buffer.from(topic)
  return Buffer.concat([
    Buffer.from([0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 2, 0, 0, name.length + 1]),
    name,
    Buffer.from(topicId, 'hex'),
    Buffer.from([0, 1, 0, 0]),
  ])
}

const int16 = (value: number) => {
  const bytes = Buffer.alloc(2)
  bytes.writeInt16BE(value)
  return bytes
}
const int32 = (value: number) => {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}
const int64 = (value: number) => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64BE(BigInt(value))
  return bytes
}
const text = (value: string) => Buffer.concat([int16(Buffer.byteLength(value)), Buffer.from(value)])
const array = (items: readonly Buffer[]) => Buffer.concat([int32(items.length), ...items])

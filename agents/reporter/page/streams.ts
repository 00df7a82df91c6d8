import type { Board } from './board.ts'

export const STREAMS_MAX = 64
/** What a reader has not taken yet. Beyond it nothing is written; whoever takes nothing for so long is let go. */
export const UNREAD_BYTES_MAX = 512 * 1024
export const SLOW_AFTER_MS = 10_000
/** How soon a browser comes again when the stream breaks. */
const RETRY_MS = 1_000

/** What is used of a response. */
export interface EventSink {
  readonly writableLength: number
  writeHead(status: number, headers: Readonly<Record<string, string>>): unknown
  write(text: string): unknown
  end(): unknown
  destroy(): unknown
  on(event: 'close', hear: () => void): unknown
}

interface Stream {
  readonly response: EventSink
  /** The run it follows, or `latest`. */
  readonly wish: string
  readonly seen: Map<string, number>
  slowSinceMs: number | null
}

export type KeysOf = (wish: string) => Iterable<string>

/** Server-sent events: what changed on the board, to each who listens. */
export interface Streams {
  /** False when there are as many as there may be. */
  open(response: EventSink, wish: string): boolean
  wishes(): ReadonlySet<string>
  /** Sends each stream what it has not seen of its keys. The first part of a key is the name of the event. */
  tell(board: Board, keysOf: KeysOf, nowMs: number): void
  beat(nowMs: number): void
  close(): void
}

export function createStreams(): Streams {
  const streams = new Set<Stream>()
  let told = 0

  const canTake = (stream: Stream, nowMs: number): boolean => {
    if (stream.response.writableLength <= UNREAD_BYTES_MAX) {
      stream.slowSinceMs = null
      return true
    }
    stream.slowSinceMs ??= nowMs
    if (nowMs - stream.slowSinceMs > SLOW_AFTER_MS) {
      streams.delete(stream)
      stream.response.destroy()
    }
    return false
  }

  return {
    open(response, wish) {
      if (streams.size >= STREAMS_MAX) return false
      const stream: Stream = { response, wish, seen: new Map(), slowSinceMs: null }
      // A proxy that gathers what it forwards would hold events back.
      const headers = { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' }
      response.writeHead(200, headers)
      response.write(`retry: ${RETRY_MS}\n\n`)
      response.on('close', () => streams.delete(stream))
      streams.add(stream)
      return true
    },
    wishes: () => new Set([...streams].map(({ wish }) => wish)),
    tell(board, keysOf, nowMs) {
      for (const stream of streams) {
        if (!canTake(stream, nowMs)) continue
        const text = board
          .changes(keysOf(stream.wish), stream.seen)
          .map(({ key, text: data }) => `event: ${key.split('/')[0] ?? key}\nid: ${++told}\ndata: ${data}\n\n`)
          .join('')
        if (text !== '') stream.response.write(text)
      }
    },
    beat(nowMs) {
      for (const stream of streams)
        if (canTake(stream, nowMs)) stream.response.write(`: still here\nevent: beat\ndata: ${JSON.stringify({ nowMs })}\n\n`)
    },
    close() {
      for (const { response } of streams) response.end()
      streams.clear()
    },
  }
}

import { EventEmitter } from 'node:events'
import { describe, expect, test } from 'vitest'
import { createBoard } from './board.ts'
import { createStreams, SLOW_AFTER_MS, STREAMS_MAX, UNREAD_BYTES_MAX } from './streams.ts'

/** A connection whose other end reads when it is told to. */
class Connection extends EventEmitter {
  text = ''
  writableLength = 0
  isDestroyed = false
  isEnded = false
  writeHead(): this {
    return this
  }
  write(text: string): boolean {
    this.text += text
    return true
  }
  end(): this {
    this.isEnded = true
    return this
  }
  destroy(): this {
    this.isDestroyed = true
    return this
  }
}

const open = (streams: ReturnType<typeof createStreams>, wish: string) => {
  const connection = new Connection()
  const isOpen = streams.open(connection, wish)
  return { connection, isOpen }
}

const namesIn = (text: string) => [...text.matchAll(/^event: (.*)$/gm)].map(([, name]) => name)

describe('streams of events', () => {
  test('tell each reader its own keys, named by their first part', () => {
    const streams = createStreams()
    const board = createBoard()
    const { connection: one } = open(streams, '1')
    const { connection: two } = open(streams, '2')
    board.put('page', '{}')
    board.put('run/1', '{"a":1}')
    board.put('run/2', '{"a":2}')
    streams.tell(board, (wish) => ['page', `run/${wish}`], 0)
    expect(namesIn(one.text)).toEqual(['page', 'run'])
    expect(one.text).toContain('data: {"a":1}\n\n')
    expect(two.text).not.toContain('{"a":1}')
    expect([...streams.wishes()]).toEqual(['1', '2'])
    const before = one.text
    streams.tell(board, (wish) => ['page', `run/${wish}`], 1)
    expect(one.text).toBe(before)
  })

  test('hold back from one who does not read, tell him the newest when he does, and let him go when he never does', () => {
    const streams = createStreams()
    const board = createBoard()
    const { connection } = open(streams, 'latest')
    connection.writableLength = UNREAD_BYTES_MAX + 1
    board.put('run/1', '1')
    streams.tell(board, () => ['run/1'], 0)
    board.put('run/1', '2')
    connection.writableLength = 0
    streams.tell(board, () => ['run/1'], SLOW_AFTER_MS)
    expect(connection.text.match(/data: .*/g)).toEqual(['data: 2'])

    connection.writableLength = UNREAD_BYTES_MAX + 1
    streams.beat(SLOW_AFTER_MS)
    streams.beat(2 * SLOW_AFTER_MS)
    expect(connection.isDestroyed).toBe(false)
    streams.beat(2 * SLOW_AFTER_MS + 1)
    expect(connection.isDestroyed).toBe(true)
    expect(streams.wishes().size).toBe(0)
    expect(namesIn(connection.text)).not.toContain('beat')
  })

  test('are only so many, and one that closes makes room', () => {
    const streams = createStreams()
    const opened = Array.from({ length: STREAMS_MAX }, () => open(streams, 'latest'))
    expect(opened.every(({ isOpen }) => isOpen)).toBe(true)
    expect(open(streams, 'latest').isOpen).toBe(false)
    opened[3]?.connection.emit('close')
    expect(open(streams, 'latest').isOpen).toBe(true)
    streams.close()
    expect(opened[0]?.connection.isEnded).toBe(true)
  })

  test('say that they are still there, and what time it is', () => {
    const streams = createStreams()
    const { connection } = open(streams, 'latest')
    streams.beat(77)
    expect(connection.text).toContain(': still here\nevent: beat\ndata: {"nowMs":77}\n\n')
  })
})

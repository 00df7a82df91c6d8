import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createBoard } from './board.ts'

describe('the board', () => {
  test('tells a change once, unchanged text never, and what was taken down no more', () => {
    const board = createBoard()
    const seen = new Map<string, number>()
    board.put('a', '1')
    board.put('b', '1')
    expect(board.changes(['b', 'a', 'c'], seen)).toEqual([
      { key: 'b', text: '1' },
      { key: 'a', text: '1' },
    ])
    board.put('a', '1')
    expect(board.changes(['a', 'b'], seen)).toEqual([])
    board.put('a', '2')
    board.remove('b')
    expect(board.changes(['a', 'b'], seen)).toEqual([{ key: 'a', text: '2' }])
    board.put('b', '1')
    expect(board.changes(['a', 'b'], seen)).toEqual([{ key: 'b', text: '1' }])
  })

  test('tells again what somebody had turned away from meanwhile', () => {
    const board = createBoard()
    const seen = new Map<string, number>()
    board.put('run/1', 'x')
    board.put('run/2', 'y')
    board.changes(['run/1'], seen)
    board.changes(['run/2'], seen)
    expect(board.changes(['run/1'], seen)).toEqual([{ key: 'run/1', text: 'x' }])
  })

  test('leaves every reader with the newest state, however seldom they look', () => {
    const step = fc.oneof(
      fc.record({ key: fc.constantFrom('a', 'b', 'c'), text: fc.constantFrom('1', '2', '3') }),
      fc.constantFrom('look' as const, 'glance' as const),
    )
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const board = createBoard()
        const truth = new Map<string, string>()
        const readers = { look: new Map<string, number>(), glance: new Map<string, number>() }
        const known = { look: new Map<string, string>(), glance: new Map<string, string>() }
        const read = (who: 'look' | 'glance') => {
          for (const { key, text } of board.changes(['a', 'b', 'c'], readers[who])) known[who].set(key, text)
        }
        for (const one of steps) {
          if (typeof one === 'string') read(one)
          else {
            board.put(one.key, one.text)
            truth.set(one.key, one.text)
          }
        }
        for (const who of ['look', 'glance'] as const) {
          read(who)
          expect(known[who]).toEqual(truth)
        }
      }),
    )
  })
})

import { expect, test } from 'vitest'
import type { ControlMessage } from '../../schemas/control.ts'
import { OlderControl } from './older-control.ts'
import { RUN, requested } from './told-run.fixture.ts'

const OTHER = '01999999-0000-7000-8000-00000000000b'
const idOf = (index: number) => `01999999-0000-7000-8000-${String(index).padStart(12, '0')}`
const window = (series: string, index: number, indexLast: number | null = null): ControlMessage =>
  requested({ runId: idOf(index), window: { series, index, indexLast } })
const cancel = (runId: string, reason = 'enough'): ControlMessage => ({ kind: 'run-cancelled', runId, reason, requestedBy: 'me' })

function olderOf(...messages: ControlMessage[]): OlderControl {
  const older = new OlderControl()
  for (const [offset, message] of messages.entries()) older.hear({ type: 'control', offset, atMs: offset, message })
  return older
}

test('of long ago matter what was cancelled and the newest window of each series, in the order they were said', () => {
  const older = olderOf(window(RUN, 1), cancel(OTHER), window(OTHER, 4), window(RUN, 2), requested({ runId: idOf(99) }), window(RUN, 3, 9))
  expect(older.take().map(({ offset }) => offset)).toEqual([1, 2, 5])
  expect(older.take()).toEqual([])
})

test('a cancellation said again is the first one', () => {
  const [only, ...others] = olderOf(cancel(RUN, 'one'), cancel(RUN, 'two')).take()
  expect(only?.message).toMatchObject({ reason: 'one' })
  expect(others).toEqual([])
})

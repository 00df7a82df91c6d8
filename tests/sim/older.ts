import type { ControlMessage } from '../../schemas/control.ts'
import { OlderControl } from '../../shared/core/older-control.ts'
import type { LogEntry } from '../../shared/sim/topic-log.ts'

/** What the bus brings of control messages older than it looks back. */
export function olderControl(entries: readonly LogEntry<ControlMessage>[]): LogEntry<ControlMessage>[] {
  const older = new OlderControl()
  for (const { offset, atMs, message } of entries) older.hear({ type: 'control', offset, atMs, message })
  return older.take().map(({ offset, atMs, message }) => ({ offset, atMs, message }))
}

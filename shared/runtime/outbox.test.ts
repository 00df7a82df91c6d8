import { expect, test } from 'vitest'
import { Outbox } from './outbox.ts'
import type { OutboxEntry } from './outbox.ts'

const fact = (key: string): OutboxEntry => ({ key, kind: 'stage-started', body: Buffer.alloc(10) })
const heartbeat = (key: string): OutboxEntry => ({ key, kind: 'agent-heartbeat', body: Buffer.alloc(10) })
const keys = (outbox: Outbox) => outbox.head({ entriesMax: 100, bytesMax: 10_000 }).map(({ key }) => key)

test('keeps the order, and what is not settled stays at its place', () => {
  const outbox = new Outbox(10)
  const entries = ['a', 'b', 'c'].map(fact)
  for (const entry of entries) outbox.push(entry)
  outbox.settle(new Set([entries[1] as OutboxEntry]))
  expect(keys(outbox)).toEqual(['a', 'c'])
})

test('a full outbox drops its oldest heartbeat to take a fact', () => {
  const outbox = new Outbox(3)
  for (const entry of [fact('a'), heartbeat('h1'), heartbeat('h2')]) outbox.push(entry)
  expect(outbox.push(fact('b'))).toBe(true)
  expect(keys(outbox)).toEqual(['a', 'h2', 'b'])
  expect(outbox).toMatchObject({ heartbeatsDropped: 1, factsRefused: 0 })
})

test('without a heartbeat to drop it refuses the newest and counts it', () => {
  const outbox = new Outbox(2)
  for (const entry of [fact('a'), fact('b')]) outbox.push(entry)
  expect(outbox.push(fact('c'))).toBe(false)
  expect(outbox.push(heartbeat('h'))).toBe(false)
  expect(keys(outbox)).toEqual(['a', 'b'])
  expect(outbox).toMatchObject({ heartbeatsDropped: 1, factsRefused: 1 })
})

test('the head is bounded by count and bytes, and never empty while there is something', () => {
  const outbox = new Outbox(10)
  for (const key of ['a', 'b', 'c']) outbox.push(fact(key))
  expect(outbox.head({ entriesMax: 2, bytesMax: 1_000 })).toHaveLength(2)
  expect(outbox.head({ entriesMax: 9, bytesMax: 25 })).toHaveLength(2)
  expect(outbox.head({ entriesMax: 9, bytesMax: 1 })).toHaveLength(1)
})

import { expect, test } from 'vitest'
import { SinkProgress } from './sink-progress.ts'

const sourceOffsets = { topic: 'clean', partition: 'p', offset: 'o' }

test('tells where the sink is when it has moved, asked at most every two seconds', async () => {
  let nowMs = 0
  let asked = 0
  const answers = [
    [{ partition: 0, offset: null }],
    [
      { partition: 0, offset: 4 },
      { partition: 1, offset: 0 },
    ],
    [{ partition: 0, offset: 4 }],
    [{ partition: 0, offset: 2 }],
    [{ partition: 1, offset: 9 }],
  ]
  const groupOffsets = (group: string, topic: string) => {
    expect([group, topic]).toEqual(['sink', 'clean'])
    return Promise.resolve(answers[asked++] ?? [])
  }
  const progress = new SinkProgress({ groupOffsets }, { sinkGroup: 'sink', sourceOffsets }, () => nowMs)
  const told = []
  for (; nowMs < 10_000; nowMs += 400) told.push(await progress.moved())
  expect(asked).toBe(5)
  expect(told.filter((offsets) => offsets !== null)).toEqual([
    [
      { partition: 0, next: 4 },
      { partition: 1, next: 0 },
    ],
    [
      { partition: 0, next: 4 },
      { partition: 1, next: 9 },
    ],
  ])
})

test.each([
  { sinkGroup: null, sourceOffsets },
  { sinkGroup: 'sink', sourceOffsets: null },
])('asks nothing where the topology does not name group and topic', async (hop) => {
  const groupOffsets = () => Promise.reject(new Error('asked'))
  expect(await new SinkProgress({ groupOffsets }, hop, () => 0).moved()).toBeNull()
})

test('throws what the broker says', async () => {
  const groupOffsets = () => Promise.reject(new Error('not authorised'))
  await expect(new SinkProgress({ groupOffsets }, { sinkGroup: 'sink', sourceOffsets }, () => 0).moved()).rejects.toThrow('not authorised')
})

import { expect, it } from 'vitest'
import { cleanFacts, SAMPLE_RUN_ID, SAMPLE_START_MS, violation } from '../reporter/reports/sample-run.ts'
import { foldFollowed, followedRun } from './followed-run.ts'
import { LiveView } from './live-view.ts'
import { progressLine, sampleOf, watchLines } from './progress.ts'

const nowMs = SAMPLE_START_MS + 4_000

function followedSample(...more: Parameters<typeof violation>) {
  const followed = followedRun(SAMPLE_RUN_ID)
  for (const fact of [...cleanFacts(), ...more.map(violation)]) foldFollowed(followed, { type: 'fact', fact })
  return followed
}
const lost = { violation: 'lost' as const, hop: 'topic:market.trades', stream: 1, ranges: [41, 43], partition: 2, offset: 9 }

it('shows stages, counts and rates of every hop, and the last violations', () => {
  const followed = followedSample(lost)
  const previous = { atMs: nowMs - 2_000, seen: new Map([['topic:market.trades', 400]]) }
  const lines = watchLines(followed, sampleOf(followed, nowMs), previous)
  expect(lines[0]).toBe(`smoke  ${SAMPLE_RUN_ID}  4 s`)
  expect(lines[1]).toContain('probe: ok')
  expect(lines.find((line) => line.includes('topic:market.trades '))).toMatch(/1,000 +300\/s +20\.0 ms +20\.0 ms$/)
  expect(lines.join('\n')).toContain('violations: 3, the last:')
  expect(lines.at(-1)).toContain('lost at topic:market.trades  stream 1 seq 41…43 (3)  partition 2 offset 9')
})

it('says so while nobody has accepted the run', () => {
  const followed = followedRun(SAMPLE_RUN_ID)
  expect(watchLines(followed, sampleOf(followed, nowMs), null)).toEqual([`run ${SAMPLE_RUN_ID}: not accepted yet`])
  expect(progressLine(followed, sampleOf(followed, nowMs))).toBe('waiting for the agents to accept the run')
})

it('writes plain lines where nothing can be drawn over: each violation once, progress now and then', () => {
  const notes: string[] = []
  const view = new LiveView({ redraws: false, out: () => undefined, note: (text) => notes.push(text), draw: () => expect.fail('drawn') })
  const followed = followedSample(lost)
  for (let turn = 0; turn < 20; turn++) view.turn(followed, nowMs + turn * 200)
  expect(notes.filter((note) => note.startsWith('lost at'))).toHaveLength(1)
  expect(notes.filter((note) => note.includes('topic:market.trades 1,000'))).toHaveLength(2)
})

it('draws the same block over and over on a terminal', () => {
  const drawn: (readonly string[])[] = []
  const view = new LiveView({ redraws: true, out: () => undefined, note: () => expect.fail('noted'), draw: (lines) => drawn.push(lines) })
  const followed = followedSample(lost)
  for (let turn = 0; turn < 10; turn++) view.turn(followed, nowMs + turn * 200)
  expect(drawn).toHaveLength(4)
})

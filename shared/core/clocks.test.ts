import { describe, expect, test } from 'vitest'
import { behindMs, latencyAtLeastMs, noteBeat, type Beat, type ClockSamples } from './clocks.ts'

const beat = (said: Partial<Beat> = {}): Beat => ({ agent: 'generator', instance: 'a', startedAtMs: 0, atMs: 0, ...said })

/** Beats of one agent, each heard so much later than it says. */
function heard(delaysMs: readonly number[], said: Partial<Beat> = {}, clocks = new Map<string, ClockSamples>()) {
  delaysMs.forEach((delayMs, i) => {
    noteBeat(clocks, beat({ atMs: i * 5_000, ...said }), i * 5_000 + delayMs)
  })
  return clocks
}

describe('how far a clock is behind', () => {
  test.each<[what: string, delaysMs: number[], behind: number]>([
    ['is the least that heartbeats were late', [5_300, 5_040, 5_900], 5_040],
    ['is nothing while they were heard in time', [30, 40, 4_000], 0],
    ['is nothing for a clock that is ahead', [-5_000, -4_990, -5_000], 0],
    ['is not known of two', [5_000, 5_000], 0],
    ['is not known of none', [], 0],
    ['is nothing that is less than the way here', [999, 999, 999], 0],
  ])('%s', (_, delaysMs, behind) => {
    expect(behindMs(heard(delaysMs), 'generator')).toBe(behind)
  })

  test('is that of the process which speaks: one that was started anew may have another clock', () => {
    const clocks = heard([10, 10, 10])
    expect(behindMs(heard([5_000, 5_000, 5_000], { startedAtMs: 7 }, clocks), 'generator')).toBe(5_000)
    expect(behindMs(heard([10, 10, 10], { startedAtMs: 9 }, clocks), 'generator')).toBe(0)
  })

  test('is the most of several instances, and no other agent counts', () => {
    const clocks = heard([5_000, 5_000, 5_000])
    heard([7_000, 7_000, 7_000], { instance: 'b' }, clocks)
    heard([9_000, 9_000, 9_000], { agent: 'reporter' }, clocks)
    expect(behindMs(clocks, 'generator')).toBe(7_000)
  })
})

describe('a latency is at least', () => {
  const none = new Map<string, ClockSamples>()
  test('what it says, where clocks agree', () => {
    expect(latencyAtLeastMs({ clocks: none, nowMs: 20_000 }, { atMs: 9_000, dueMs: 2_000 })).toBe(7_000)
  })
  test('what it was when it was read: nothing is written later', () => {
    expect(latencyAtLeastMs({ clocks: none, nowMs: 2_500 }, { atMs: 9_000, dueMs: 2_000 })).toBe(1_500)
  })
  test('less by what the clock it was sent by is behind', () => {
    expect(latencyAtLeastMs({ clocks: heard([5_000, 5_000, 5_000]), nowMs: 20_000 }, { atMs: 9_000, dueMs: 2_000 })).toBe(2_000)
  })
})

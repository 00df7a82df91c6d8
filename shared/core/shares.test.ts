import { describe, expect, test } from 'vitest'
import { foldBase, initBase, type AgentBase } from './acceptance.ts'
import { configOf } from './played-core.fixture.ts'
import { everything, holds, holdsAll, nothing, SILENT_MS } from './shares.ts'
import { told } from './told-run.fixture.ts'

const NOW = 1_000_000
/** As agents say them. */
const HEARTBEAT_MS = 5_000
const beat = (base: AgentBase, said: { agent?: string; instance?: string; atMs?: number } = {}) =>
  foldBase(base, {
    type: 'fact',
    fact: told('agent-heartbeat', { agent: 'generator', instance: 'another', atMs: NOW, ...said }),
  })
const tick = (base: AgentBase, atMs = NOW) => foldBase(base, { type: 'tick', atMs }).map(({ type }) => type)
const begin = (base: AgentBase) => foldBase(base, { type: 'caught-up', atMs: NOW })
const fresh = () => initBase(configOf('generator'))

describe('an instance of an agent', () => {
  test('that hears of no other holds all, and asks nobody', () => {
    const base = fresh()
    beat(base, { instance: base.config.speaker.instance })
    beat(base, { agent: 'reporter' })
    beat(base, { atMs: NOW - SILENT_MS })
    begin(base)
    expect([base.shares, tick(base)]).toEqual([everything, []])
  })

  test('that comes to another takes nothing before it is given its share, and asks once', () => {
    const base = fresh()
    beat(base)
    begin(base)
    expect([base.shares, tick(base), tick(base)]).toEqual([nothing, ['share-work'], []])
    expect([0, 1, 2].filter((item) => holds(base.shares, item))).toEqual([])
    foldBase(base, { type: 'shares-changed', of: 4, held: [1, 3] })
    expect([0, 1, 2, 3, 5].map((item) => holds(base.shares, item))).toEqual([false, true, false, true, true])
    expect(holdsAll(base.shares)).toBe(false)
  })

  test('that another comes to keeps all until the work is shared out', () => {
    const base = fresh()
    begin(base)
    expect(tick(base)).toEqual([])
    beat(base, { atMs: NOW - 3_600_000 })
    expect([tick(base), base.shares]).toEqual([['share-work'], everything])
    foldBase(base, { type: 'shares-changed', of: 4, held: [0, 1, 2, 3] })
    expect(holdsAll(base.shares)).toBe(true)
  })

  test('counts on one that missed a heartbeat, and on none that missed three', () => {
    const heard = (beats: number) => {
      const base = fresh()
      beat(base, { atMs: NOW - beats * HEARTBEAT_MS - 1 })
      begin(base)
      return tick(base).length > 0
    }
    expect([heard(2), heard(3)]).toEqual([true, false])
  })
})

import { describe, expect, test } from 'vitest'
import type { ResultMessage } from '../../schemas/results.ts'
import type { AgentName } from '../../shared/core/agent.ts'
import { mirrorDefectAt, mirrorViolation } from '../../shared/core/mirror.ts'
import type { PlantedDefect } from '../../shared/sim/planted-defects.ts'
import { loadSchema, mirrorDefects, type MirrorDefect } from '../../topology/plan.ts'
import { couldNotBePlanted, mustBeFound, seeds } from './planted.ts'
import { NORMALISED_HOP, RAW_HOP, TABLE_HOP } from './topology.ts'
import { simulate, type SimReport } from './world.ts'

const EACH = 4
/** Twenty seconds: long enough that who dies in it leaves enough undisturbed. */
const LOAD = { canaries: 240, ratePerSecond: 12 }
const mortals: AgentName[] = ['generator', 'ingestion-checker', 'storage-reconciler', 'query-prober', 'chaos-injector', 'reporter']
const watchers: readonly { hop: string; blindTo: MirrorDefect }[] = [RAW_HOP, NORMALISED_HOP, TABLE_HOP].flatMap((hop) =>
  mirrorDefects
    .filter((defect) => hop !== TABLE_HOP || (defect !== 'swapped' && defect !== 'headerless'))
    .map((blindTo) => ({ hop, blindTo })),
)

const seenIn = ({ facts }: SimReport) => facts.filter((fact) => fact.kind === 'mirror-defect-seen')

describe('defects planted on the mirror stream', () => {
  test('are seen by every watcher, and are held against nobody', () => {
    let passed = 0
    const chosen = seeds.slice(0, seeds.length / 5)
    for (const seed of chosen) {
      const report = simulate({ seed, defect: 'none', mirror: EACH })
      const { verdict, found } = report
      const reasons = verdict.reasons.filter((reason) => !couldNotBePlanted(reason))
      expect({ seed, found, reasons }).toEqual({ seed, found: [], reasons: [] })
      expect(verdict.verdict).toBe(verdict.reasons.length === 0 ? 'pass' : 'inconclusive')
      if (verdict.verdict === 'pass') passed++
      expect(seenIn(report).length).toBeGreaterThan(EACH * 4 * 3)
    }
    expect(passed).toBeGreaterThanOrEqual(chosen.length * 0.95)
  })

  test('are no part of what is counted and timed', () => {
    for (const seed of seeds.slice(0, 20)) {
      const { verdict } = simulate({ seed, defect: 'none', mirror: EACH, load: LOAD })
      expect(verdict.acknowledged + verdict.unknown + verdict.failed).toBe(LOAD.canaries)
      for (const { hop, expected, sighted, maxMs } of verdict.hops) {
        // Look-ups are a sample.
        if (hop !== 'api:trade') expect([hop, sighted]).toEqual([hop, expected])
        expect(expected).toBeLessThanOrEqual(LOAD.canaries)
        // One that is late on purpose is late by a day.
        expect([hop, (maxMs ?? 0) < 60_000]).toEqual([hop, true])
      }
    }
  })

  test.each(mortals)('are seen though %s is killed in mid-run and started again', (crash) => {
    let passed = 0
    const chosen = seeds.slice(0, seeds.length / 5).filter((_, index) => index % mortals.length === mortals.indexOf(crash))
    for (const seed of chosen) {
      const { verdict, found } = simulate({ seed, defect: 'none', mirror: EACH, crash, load: LOAD })
      const reasons = verdict.reasons.filter((reason) => !couldNotBePlanted(reason))
      expect({ seed, found, reasons }).toEqual({ seed, found: [], reasons: [] })
      if (verdict.verdict === 'pass') passed++
    }
    expect(passed).toBeGreaterThanOrEqual(chosen.length * 0.9)
  })

  test.each(watchers)('are missed where $hop is blind to $blindTo ones, and the run says so', ({ hop, blindTo }) => {
    const violation = mirrorViolation[blindTo]
    const hides = (fact: ResultMessage) => fact.kind === 'mirror-defect-seen' && fact.hop === hop && fact.violation === violation
    for (const seed of seeds.slice(0, 10)) {
      const { verdict, found } = simulate({ seed, defect: 'none', mirror: EACH, hides })
      const reasons = verdict.reasons.filter((reason) => !couldNotBePlanted(reason))
      expect({ seed, verdict: verdict.verdict, found, count: reasons.length }).toEqual({
        seed,
        verdict: 'inconclusive',
        found: [],
        count: 1,
      })
      expect(reasons[0]).toMatch(`the watcher of ${hop} is blind: `)
      expect(reasons[0]).toMatch(` ${blindTo} canaries were not reported as ${violation} (stream 4 seq `)
    }
  })

  test('hide nothing that the pipeline does to other canaries', () => {
    const load = loadSchema.parse({ canaries: 40, ratePerSecond: 1, streams: 4, mirror: { each: EACH } })
    const isPlanted = (text: string) => {
      const [stream, seq] = (text.split(' ').at(-1) as string).split('/').map(Number) as [number, number]
      return mirrorDefectAt(load, stream, seq) !== null
    }
    const planted = ['skip', 'double', 'change', 'delay', 'drop-headers', 'sink-skip', 'sink-double', 'sink-change'] as const
    for (const [index, defect] of planted.entries()) {
      let bad = 0
      for (const seed of seeds.slice(0, 80).filter((one) => one % planted.length === index)) {
        const report = simulate({ seed, defect: defect satisfies PlantedDefect, mirror: EACH })
        const expected = mustBeFound(defect, report).filter((text) => !isPlanted(text))
        if (expected.length > 0) bad++
        expect({ seed, found: report.found }).toEqual({ seed, found: expected })
        expect(report.verdict.verdict === 'fail').toBe(expected.length > 0)
      }
      expect(bad).toBeGreaterThan(4)
    }
  })

  test.each(['generator', 'ingestion-checker', 'storage-reconciler'] as const)('call no %s blind that was never there', (absent) => {
    for (const seed of seeds.slice(0, 20)) {
      const { verdict } = simulate({ seed, defect: 'none', mirror: EACH, absent })
      expect(verdict.verdict).toBe('inconclusive')
      expect(verdict.reasons.join('\n')).toContain(`nothing was heard from ${absent}`)
      expect(verdict.reasons.join('\n')).not.toMatch(/is blind|could be planted/)
    }
  })

  test('are seen behind a gateway too', () => {
    for (const seed of seeds.slice(0, 40)) {
      const { verdict, found } = simulate({ seed, defect: 'none', mirror: EACH, source: true })
      expect({ seed, found, reasons: verdict.reasons.filter((reason) => !couldNotBePlanted(reason)) }).toEqual({
        seed,
        found: [],
        reasons: [],
      })
    }
  })

  test('take no longer to judge', () => {
    const tookMs = (mirror: number) => {
      const all = seeds.slice(0, 30).map((seed) => {
        const { facts, verdict } = simulate({ seed, defect: 'none', mirror, load: LOAD })
        const ended = facts.find((fact) => fact.kind === 'stage-ended' && fact.stage === 'produce')
        return verdict.atMs - (ended?.atMs ?? 0)
      })
      return all.reduce((sum, ms) => sum + ms, 0) / all.length
    }
    expect(tookMs(EACH) - tookMs(0)).toBeLessThan(500)
  })
})

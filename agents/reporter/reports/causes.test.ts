import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { RunFact } from '../../../schemas/results.ts'
import { TIME_STREAM } from '../../../shared/core/audit-findings.ts'
import { standingViolations } from '../../../shared/core/evidence.ts'
import { causeSentence, causeTitle } from './cause-text.ts'
import { causesOf, type Cause } from './causes.ts'
import { causesIn } from './report-source.ts'
import { cleanFacts, faultStep, SAMPLE_START_MS, sourceOf, violation } from './sample-run.ts'

const TRADES = 'topic:market.trades'
const TABLE = 'table:market.trades'

function causesFrom(facts: readonly RunFact[], plan = 'smoke'): { causes: readonly Cause[]; told: string[] } {
  const source = sourceOf([...cleanFacts(plan), ...facts])
  const causes = causesIn(source)
  return { causes, told: causes.map((cause) => `${causeTitle(cause)}: ${causeSentence(source.run, cause)}`) }
}

const lostInTable = (count: number, offsetFirst: number) =>
  Array.from({ length: count }, (_, i) =>
    violation({ violation: 'lost', hop: TABLE, stream: i % 2, ranges: [i >> 1, i >> 1], partition: 3, offset: offsetFirst + i }),
  )

describe('causes', () => {
  it('tells neighbours in one partition as one stretch, with where they were last seen', () => {
    const { told, causes } = causesFrom(lostInTable(1_000, 52_000))
    expect(told).toEqual([
      '1,000 canaries lost at table:market.trades: Offsets 52,000–52,999 of partition 3; in topic market.trades, in no snapshot; 100.0000 % of those expected there.',
    ])
    expect(causes[0]?.samples[0]?.topic).toBe('market.trades')
  })

  it('tells a stretch apart from single ones here and there', () => {
    const single = [5, 900, 1_700].map((offset, i) =>
      violation({ violation: 'lost', hop: TABLE, stream: 0, ranges: [600 + 7 * i, 600 + 7 * i], partition: i, offset }),
    )
    expect(causesFrom([...single, ...lostInTable(20, 4_000)]).causes.map(({ shape, canaries }) => [shape, canaries])).toEqual([
      ['stretches', 20],
      ['scattered', 3],
    ])
  })

  it('tells apart what differs in kind, hop or field, the worst kind first', () => {
    const at = (kind: 'lost' | 'corrupted' | 'late', hop: string, field: string | null = null) =>
      violation({ violation: kind, hop, field, stream: 0, ranges: [1, 1], partition: 0, offset: 9 })
    const { causes } = causesFrom([
      at('corrupted', TRADES, 'price'),
      at('corrupted', TRADES, 'note'),
      at('late', TRADES),
      at('lost', TABLE),
      at('lost', TRADES),
    ])
    expect(causes.map(({ kind, hop, field }) => [kind, hop, field])).toEqual([
      ['lost', TRADES, null],
      ['lost', TABLE, null],
      ['late', TRADES, null],
      ['corrupted', TRADES, 'note'],
      ['corrupted', TRADES, 'price'],
    ])
  })

  it('tells windows of event time apart from records and canaries, each by when it begins', () => {
    const at = (stream: number, place: number) => violation({ violation: 'lost', hop: TABLE, stream, ranges: [place, place] })
    const { causes, told } = causesFrom([at(TIME_STREAM, 120), at(TIME_STREAM, 600), at(-1, 120), at(0, 120)])
    expect(causes.map(({ canaries, ofCanaries, samples }) => [canaries, ofCanaries, samples.map(({ canaryId }) => canaryId)])).toEqual([
      [2, 0, ['event time from 1970-01-01 00:02:00 UTC', 'event time from 1970-01-01 00:10:00 UTC']],
      [1, 0, ['partition 0 offset 120']],
      [1, 1_000, [expect.stringMatching(/:0000:000000000120$/)]],
    ])
    expect(told[0]).toMatch(/^2 windows of event time with records lost at table:market\.trades: Here and there, in 2 places; /)
    const one = causesFrom([at(TIME_STREAM, 120)])
    expect(one.told[0]).toMatch(
      /^1 window of event time with records lost at table:market\.trades: Event time from 1970-01-01 00:02:00 UTC; /,
    )
    expect(one.causes[0]?.stretches).toEqual([{ line: { in: 'time', number: 0 }, first: 120, last: 120, canaries: 1 }])
  })

  it('ties what was found in the window of a fault to it, and counts lateness there as explained, loss never', () => {
    const steps = [faultStep('injected', 1_100), faultStep('bit', 1_200), faultStep('healed', 4_000), faultStep('recovered', 6_000, 2_000)]
    const during = { atMs: SAMPLE_START_MS + 5_000 }
    const late = (seq: number, of: object) => ({ ...violation({ violation: 'late', hop: TABLE, stream: 0, ranges: [seq, seq] }), ...of })
    const lost = { ...violation({ violation: 'lost', hop: TABLE, stream: 0, ranges: [9, 9] }), ...during }
    const { causes } = causesFrom([...steps, late(1, during), late(2, { atMs: SAMPLE_START_MS + 500 }), lost], 'smoke-chaos')
    expect(causes.map(({ kind, faults, counts, canaries }) => [kind, faults, counts, canaries])).toEqual([
      ['lost', ['pause of connect'], true, 1],
      ['late', ['pause of connect'], false, 1],
      ['late', [], true, 1],
    ])
  })

  it('puts each finding into one cause, whatever their order', () => {
    const finding = fc.record({
      violation: fc.constantFrom('lost' as const, 'late' as const, 'corrupted' as const),
      hop: fc.constantFrom(TRADES, TABLE),
      field: fc.constantFrom(null, 'price'),
      stream: fc.nat(1),
      seq: fc.nat(400),
      length: fc.constantFrom(1, 1, 1, 30),
      place: fc.option(fc.record({ partition: fc.nat(3), offset: fc.nat(300) })),
    })
    fc.assert(
      fc.property(fc.array(finding, { maxLength: 60 }), fc.nat(), (given, turn) => {
        const facts = given.map(({ seq, length, place, ...said }) =>
          violation({ ...said, ...(place ?? {}), ranges: [seq, seq + length - 1] }),
        )
        const turned = [...facts.slice(turn % (facts.length + 1)), ...facts.slice(0, turn % (facts.length + 1))]
        const [source, other] = [sourceOf([...cleanFacts(), ...facts]), sourceOf([...cleanFacts(), ...turned])]
        const causes = causesOf(source.run, source.evidence, new Map())
        const standing = standingViolations(source.evidence)
        expect(causes.reduce((sum, { canaries }) => sum + canaries, 0)).toBe(
          standing.reduce((sum, { standing: here }) => sum + here.size, 0),
        )
        // Which of several findings of the same canary came first says where it lies; the numbers stay.
        const sum = (all: readonly Cause[]) => all.reduce((total, { canaries }) => total + canaries, 0)
        expect(sum(causesOf(other.run, other.evidence, new Map()))).toBe(sum(causes))
      }),
      { numRuns: 60 },
    )
  })
})

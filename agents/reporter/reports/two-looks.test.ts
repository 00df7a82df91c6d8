import { describe, expect, it } from 'vitest'
import { violationKinds } from '../../../schemas/parts.ts'
import { hopName } from '../../../topology/topology.ts'
import { reportOf } from './json.ts'
import { causesIn } from './report-source.ts'
import { cleanFacts, SAMPLE_RUN_ID, sampleResolved, sourceOf, violation } from './sample-run.ts'
import { looksText, twoLooks } from './two-looks.ts'

const TRADES = 'topic:market.trades'
const TABLE = 'table:market.trades'

function looksOf(fact: ReturnType<typeof violation>, ...more: Parameters<typeof sourceOf>[0]): string | null {
  const source = sourceOf([...cleanFacts(), fact, ...more])
  const [cause] = causesIn(source)
  if (cause === undefined) throw new Error('expected a cause')
  const looks = twoLooks(source.run, cause)
  return looks === null ? null : looksText(looks)
}

const found = (kind: (typeof violationKinds)[number], hop: string, said = {}) =>
  violation({ violation: kind, hop, stream: 1, ranges: [41, 41], ...said })

describe('both looks', () => {
  it('of a late one are times: when it came, and when it was due', () => {
    const place = { partition: 3, offset: 812, expected: 'within 5000 ms', actual: 'after 6210 ms' }
    expect(looksOf(found('late', TRADES, place))).toBe(
      'First look: the time the broker stamped on each when it was appended (the first: topic market.trades partition 3 offset 812). ' +
        'Held against: the time each was meant to be sent, and what the hop is given: 5000 ms.',
    )
    expect(looksOf(found('late', TABLE, { snapshotId: '77', expected: 'committed within 20000 ms', actual: 'committed at 1' }))).toBe(
      'First look: the commit time of the snapshot that brought each (the first: snapshot 77). ' +
        'Held against: the time each was meant to be sent, and what the hop is given: 20000 ms.',
    )
  })

  it('of one that came after it was told lost tell that, with its place at the hop before', () => {
    const lost = found('lost', TRADES, {
      partition: 3,
      offset: 812,
      expected: 'here: it is in topic:market.trades.raw at partition 3 offset 812',
    })
    const head = { runId: SAMPLE_RUN_ID, agent: 'ingestion-checker', instance: 'i', atMs: 9 }
    const what = { violation: 'lost' as const, becomes: 'late' as const, hop: TRADES, stream: 1, ranges: [41, 41], reason: 'it arrived' }
    expect(looksOf(lost, { kind: 'correction', ...head, ...what })).toBe(
      'First look: told lost, since progress had passed it (the first: topic market.trades.raw partition 3 offset 812). ' +
        'Second look: it came after all: it arrived.',
    )
  })

  it('of a lost one name the second reader, and the snapshot up to which nothing was there', () => {
    expect(looksOf(found('lost', TABLE, { partition: 3, offset: 812, snapshotId: '77' }))).toMatch(
      /^First look: each snapshot of the run .* \(the first: topic market\.trades partition 3 offset 812, snapshot 77\)\. Second look: a freshly loaded catalog/,
    )
  })

  it('of an answer are two questions', () => {
    for (const kind of ['wrong-answer', 'stale', 'unavailable', 'unprotected'] as const)
      expect(looksOf(found(kind, 'api:trade'))).toMatch(/Second look: asked again/)
  })

  it('are told for each kind at each hop, each kind in words of its own', () => {
    for (const hop of sampleResolved().hops) {
      const told = violationKinds.map((kind) => looksOf(found(kind, hopName(hop))))
      expect(told).not.toContain(null)
      // Three kinds are differences of content, and looked at alike.
      expect(new Set(told).size).toBe(violationKinds.length - 2)
    }
  })

  it('are in the JSON report, and absent for what no hop of the run shows', () => {
    const { causes } = reportOf(sourceOf([...cleanFacts(), found('slow', 'api:trade'), found('lost', 'topic:elsewhere')])).violations
    expect(causes.map(({ looks }) => looks)).toEqual([
      null,
      'First look: the time from when the question was due to its answer. Held against: the limit it was given.',
    ])
  })
})

import { describe, expect, test } from 'vitest'
import type { RunFact } from '../../../schemas/results.ts'
import { mirrorPlants, mirrorViolation, showsAt } from '../../../shared/core/mirror.ts'
import { planSchema } from '../../../topology/plan.ts'
import { hopName } from '../../../topology/topology.ts'
import { htmlReport } from './html.ts'
import { reportOf } from './json.ts'
import { junitReport } from './junit.ts'
import { markdownReport } from './markdown.ts'
import { cleanFacts, sampleResolved, sourceOf, violation } from './sample-run.ts'

const TABLE = 'table:market.trades'
const plain = sampleResolved()
const resolved = { ...plain, plan: planSchema.parse({ ...plain.plan, load: { ...plain.plan.load, mirror: { each: 1 } } }) }
const plants = mirrorPlants(resolved.plan.load)
const { streams } = resolved.plan.load
const mirrored = [{ stream: streams, ranges: [1, 2 * plants.length - 1] }]
const all = [{ stream: streams, ranges: [0, 2 * plants.length - 1] }]

/** The sample with a mirror stream of which all is seen, but what `unseen` names. */
function facts(unseen: (hop: string, defect: string) => boolean): RunFact[] {
  return cleanFacts().flatMap((fact): RunFact[] => {
    switch (fact.kind) {
      case 'run-accepted':
        return [{ ...fact, resolved: JSON.stringify(resolved) }]
      case 'canaries-intended':
        return [fact, { ...fact, canaries: all }]
      case 'canaries-produced':
        return [fact, { ...fact, acknowledged: mirrored, failed: [{ stream: streams, ranges: [0, 0] }] }]
      case 'hop-sighted':
        return [
          fact,
          { ...fact, covered: [{ partition: 1, offsetFirst: 0, offsetLast: 20 }], canaries: mirrored },
          ...seen(fact.hop, unseen),
        ]
      case 'snapshot-reconciled':
        return [fact, { ...fact, snapshotId: '9', canaries: mirrored }, ...seen(fact.hop, unseen)]
      default:
        return [fact]
    }
  })
}

function seen(name: string, unseen: (hop: string, defect: string) => boolean): RunFact[] {
  const hop = resolved.hops.find((one) => hopName(one) === name)
  const shown = plants.filter(({ defect }) => hop !== undefined && showsAt(defect, hop) && !unseen(name, defect))
  const head = { runId: cleanFacts()[0]?.runId ?? '', agent: 'ingestion-checker', instance: 'a', atMs: 1, hop: name, field: null }
  return shown.map(({ stream, seq, defect }) => ({
    kind: 'mirror-defect-seen',
    ...head,
    violation: mirrorViolation[defect],
    stream,
    seq,
    expected: 'whole',
    actual: 'a planted defect',
  }))
}

const well = sourceOf(facts(() => false))
const blind = sourceOf(facts((hop, defect) => hop === TABLE && defect === 'changed'))

describe('a report of a run with planted defects', () => {
  test('says of them that they were seen, in a section of their own', () => {
    expect([well.judgement.verdict, well.judgement.reasons]).toEqual(['pass', []])
    expect(markdownReport(well)).toContain('## The watcher watched\n')
    expect(markdownReport(well)).toContain(`| ${TABLE} | changed | corrupted | 1 of 1 |`)
    expect(htmlReport(well)).toContain('<h2 id="watcher">The watcher watched</h2>')
    expect(reportOf(well).watcher).toContainEqual({
      hop: TABLE,
      defect: 'changed',
      violation: 'corrupted',
      planted: 1,
      unseen: [],
      odd: [],
    })
    // Topics show all six, the table four.
    expect(reportOf(well).watcher).toHaveLength(16)
  })

  test('shows them nowhere else: in no count, and as no violation', () => {
    const report = reportOf(well)
    expect(report.canaries).toEqual({ intended: 1_000, acknowledged: 1_000, unknown: 0, failed: 0 })
    expect(report.violations).toEqual({ canaries: 0, causes: [], listed: [], leftOut: [] })
    for (const hop of report.hops) expect([hop.hop, hop.expected, hop.violations]).toEqual([hop.hop, 1_000, []])
    for (const text of [markdownReport(well), htmlReport(well), junitReport(well)]) expect(text).not.toContain('a planted defect')
    expect(junitReport(well)).toContain('failures="0"')
    expect(markdownReport(well)).toContain('1,000 of 1,000 canaries acknowledged')
    expect(htmlReport(well)).toContain('1,000 of 1,000 canaries acknowledged')
  })

  test('names the one that was not seen, and where', () => {
    const seq = plants.find(({ defect }) => defect === 'changed')?.seq
    expect(blind.judgement.verdict).toBe('inconclusive')
    expect(markdownReport(blind)).toContain(`| ${TABLE} | changed | corrupted | 0 of 1; not stream ${streams} seq ${seq} |`)
    expect(htmlReport(blind)).toContain(`0 of 1; not stream ${streams} seq ${seq}`)
    expect(junitReport(blind)).toContain(`the watcher of ${TABLE} is blind`)
  })

  test('does not mix them with what the pipeline did', () => {
    const lost = violation({ violation: 'lost', hop: TABLE, stream: 0, ranges: [3, 3] })
    const report = reportOf(sourceOf([...facts(() => false), lost]))
    expect([report.verdict, report.violations.canaries, report.watcher?.every(({ unseen }) => unseen.length === 0)]).toEqual([
      'fail',
      1,
      true,
    ])
  })

  test('says nothing of it where none were planted', () => {
    const source = sourceOf(cleanFacts())
    expect(markdownReport(source)).not.toContain('The watcher watched')
    expect(htmlReport(source)).not.toContain('The watcher watched')
    expect(reportOf(source)).not.toHaveProperty('watcher')
  })

  test('says when nobody could tell', () => {
    const cut = facts(() => true).filter((fact) => fact.kind !== 'stage-ended')
    expect(markdownReport(sourceOf(cut))).toContain('no watcher has done its work')
    expect(htmlReport(sourceOf(cut))).toContain('no watcher has done its work')
  })
})

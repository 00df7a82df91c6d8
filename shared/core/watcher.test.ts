import { describe, expect, test } from 'vitest'
import type { ViolationKind } from '../../schemas/parts.ts'
import type { RunFact } from '../../schemas/results.ts'
import { mirrorDefects } from '../../topology/plan.ts'
import { emptyEvidence, foldEvidence, lostAt, missedAt } from './evidence.ts'
import { judge } from './judge.ts'
import { mirrorPlants, mirrorViolation, showsAt } from './mirror.ts'
import { emptyRunBook, foldRunBook, type RunState } from './run-book.ts'
import { CLEAN, RAW, RUN, TABLE, accepted, resolvedOf, smokePlan, told } from './told-run.fixture.ts'
import { watchedDefects, watcherReasons } from './watcher.ts'
import { hopName } from '../../topology/topology.ts'

const plan = {
  ...smokePlan,
  load: { ...smokePlan.load, mirror: { each: 1 } },
  stages: smokePlan.stages.filter(({ task }) => task !== 'probe-api'),
}
const resolved = resolvedOf(plan)
const { load } = resolved.plan
const MIRROR = 2
const plants = mirrorPlants(load)
const allOfMirror = [{ stream: MIRROR, ranges: [0, 11] }]
const placed = resolved.hops.flatMap((hop) =>
  plants.filter(({ defect }) => showsAt(defect, hop)).map((plant) => ({ hop: hopName(hop), ...plant })),
)
const seenAs = (hop: string, seq: number, violation: ViolationKind) => told('mirror-defect-seen', { hop, stream: MIRROR, seq, violation })
const wellSeen = placed.map(({ hop, seq, defect }) => seenAs(hop, seq, mirrorViolation[defect]))
const ended = ['produce', 'sight', 'reconcile'].map((stage) => told('stage-ended', { stage }))
const watchedHops = [...new Set(placed.map(({ hop }) => hop))]

/** What everybody but the one skipped says: acknowledged, and sighted everywhere. */
const ledger = [
  told('canaries-produced', {}),
  told('canaries-produced', { acknowledged: [{ stream: MIRROR, ranges: [1, 11] }], failed: [{ stream: MIRROR, ranges: [0, 0] }] }),
]
const sighted = watchedHops
  .filter((hop) => hop !== TABLE)
  .flatMap((hop) => [
    told('hop-sighted', { hop }),
    told('hop-sighted', {
      hop,
      canaries: [{ stream: MIRROR, ranges: [1, 11] }],
      covered: [{ partition: 0, offsetFirst: 40, offsetLast: 60 }],
    }),
  ])
const stored = [
  told('snapshot-reconciled', {}),
  told('snapshot-reconciled', { snapshotId: '2', canaries: [{ stream: MIRROR, ranges: [1, 11] }] }),
]

function runOf(facts: readonly RunFact[], ends: readonly RunFact[] = ended) {
  const book = emptyRunBook()
  const evidence = emptyEvidence()
  const first = accepted(plan) as RunFact
  for (const fact of [
    first,
    told('canaries-intended', {}),
    told('canaries-intended', { canaries: allOfMirror }),
    ...facts,
    ...ends,
  ] as RunFact[]) {
    foldRunBook(book, { type: 'fact', fact })
    foldEvidence(evidence, fact)
  }
  const run = book.runs.get(RUN) as RunState
  return { run, evidence, reasons: watcherReasons(run, evidence), verdict: judge(book, run, evidence) }
}
const whole = [...ledger, ...sighted, ...stored] as RunFact[]
const without = (hop: string, seq: number) => wellSeen.filter((fact) => !(fact.hop === hop && fact.seq === seq)) as RunFact[]

describe('the watcher watched', () => {
  test('is believed when each planted defect was reported as what it is, once or twice', () => {
    const { reasons, verdict, run, evidence } = runOf([...whole, ...wellSeen, ...wellSeen] as RunFact[])
    expect(reasons).toEqual([])
    expect([verdict.verdict, verdict.reasons]).toEqual(['pass', []])
    expect(watchedDefects(run, evidence)).toHaveLength(placed.length)
    expect(watchedDefects(run, evidence).every(({ planted, unseen }) => planted === 1 && unseen.length === 0)).toBe(true)
  })

  test('counts nothing of it for or against the pipeline', () => {
    const { verdict } = runOf([...whole, ...wellSeen] as RunFact[])
    expect([verdict.acknowledged, verdict.unknown, verdict.failed]).toEqual([40, 0, 0])
    for (const { expected, sighted: seen, violations, fidelity, hop } of verdict.hops)
      expect([hop, expected, seen, violations, fidelity]).toEqual([hop, 40, 40, [], hop === 'source' ? null : 1])
  })

  test.each(placed)('is blind at $hop to a $defect one that is not reported there', ({ hop, defect, seq }) => {
    const { reasons, verdict } = runOf([...whole, ...without(hop, seq)])
    expect(reasons).toEqual([
      `the watcher of ${hop} is blind: 1 of 1 ${defect} canaries were not reported as ${mirrorViolation[defect]} (stream 2 seq ${seq})`,
    ])
    expect([verdict.verdict, verdict.reasons]).toEqual(['inconclusive', reasons])
  })

  test('is blind as well when it takes one for another', () => {
    const { reasons } = runOf([...whole, ...without(RAW, 2), seenAs(RAW, 2, 'corrupted') as RunFact])
    expect(reasons).toEqual([
      `the watcher of ${RAW} is blind: 1 of 1 doubled canaries were not reported as duplicated (stream 2 seq 2, as corrupted)`,
    ])
  })

  test('is not called blind for what the pipeline may have done to a planted one besides, but that is no pass either', () => {
    const { reasons, verdict, run, evidence } = runOf([...whole, ...wellSeen, seenAs(RAW, 2, 'corrupted')] as RunFact[])
    expect(reasons).toEqual([
      `more than what was planted was reported of 1 doubled canaries at ${RAW} (stream 2 seq 2, as duplicated and corrupted)`,
    ])
    expect(verdict.verdict).toBe('inconclusive')
    expect(watchedDefects(run, evidence).flatMap(({ unseen }) => unseen)).toEqual([])
  })

  test('is not called blind to one that the pipeline lost', () => {
    const seq = plants.find(({ defect }) => defect === 'changed')?.seq as number
    const rest = [{ stream: MIRROR, ranges: [1, seq - 1, seq + 1, 11] }]
    const sightings = sighted.map((fact) =>
      fact.hop === CLEAN && fact.canaries[0]?.stream === MIRROR ? { ...fact, canaries: rest } : fact,
    )
    const { reasons } = runOf([...ledger, ...sightings, ...stored, ...without(CLEAN, seq), seenAs(CLEAN, seq, 'lost')] as RunFact[])
    expect(reasons).toEqual([
      `whether a changed canary would be seen at ${CLEAN} is not known: none could be planted`,
      `more than what was planted was reported of 1 changed canaries at ${CLEAN} (stream 2 seq ${seq}, as lost)`,
    ])
  })

  test('may say of a slow pipeline that it is late besides', () => {
    expect(runOf([...whole, ...wellSeen, seenAs(RAW, 2, 'late')] as RunFact[]).reasons).toEqual([])
  })

  test('is asked for no order of what came late', () => {
    const seq = plants.find(({ defect }) => defect === 'swapped')?.seq as number
    const late = told('hop-sighted', {
      hop: RAW,
      late: [{ stream: MIRROR, ranges: [seq, seq] }],
      covered: [{ partition: 0, offsetFirst: 70, offsetLast: 70 }],
    })
    const { reasons } = runOf([...whole, late, ...without(RAW, seq)] as RunFact[])
    expect(reasons).toEqual([`whether a swapped canary would be seen at ${RAW} is not known: none could be planted`])
  })

  test('is not called blind to what was not planted, but nobody knows then', () => {
    const doubtful = told('canaries-produced', {
      acknowledged: [{ stream: MIRROR, ranges: [2, 11] }],
      unknown: [{ stream: MIRROR, ranges: [0, 1] }],
    })
    const { reasons, verdict } = runOf([
      ledger[0],
      doubtful,
      ...sighted,
      ...stored,
      ...wellSeen.filter(({ seq }) => seq !== 0),
    ] as RunFact[])
    expect(reasons).toEqual(
      watchedHops.map((hop) => `whether a skipped canary would be seen at ${hop} is not known: none could be planted`),
    )
    expect(verdict.verdict).toBe('inconclusive')
  })

  test('is not called blind to one whose own write was in doubt', () => {
    const doubtful = told('canaries-produced', {
      acknowledged: [{ stream: MIRROR, ranges: [1, 1, 3, 11] }],
      unknown: [{ stream: MIRROR, ranges: [2, 2] }],
    })
    const { reasons } = runOf([ledger[0], doubtful, ...sighted, ...stored, ...wellSeen.filter(({ seq }) => seq !== 2)] as RunFact[])
    expect(reasons).toEqual(
      watchedHops.map((hop) => `whether a doubled canary would be seen at ${hop} is not known: none could be planted`),
    )
  })

  test('looks no more for a skipped one that was told, which nobody calls lost', () => {
    const { evidence } = runOf([...whole, ...wellSeen] as RunFact[])
    expect(missedAt(evidence, RAW).toWire()).toEqual([{ stream: MIRROR, ranges: [0, 0] }])
    expect(lostAt(evidence, RAW).size).toBe(0)
  })

  test('is not called blind when it did not do its work: that is told already', () => {
    const cut = ended.map((fact) =>
      fact.stage === 'sight' ? told('stage-ended', { stage: 'sight', outcome: 'inconclusive', reason: 'away' }) : fact,
    )
    expect(runOf(whole, cut as RunFact[]).reasons.filter((reason) => !reason.includes(TABLE))).toEqual([])
    const missing = told('evidence-missing', { hop: TABLE, reason: 'a file cannot be read' })
    expect(runOf([...whole, missing, ...wellSeen.filter(({ hop }) => hop !== TABLE)] as RunFact[]).reasons).toEqual([])
    const unproduced = ended.map((fact) =>
      fact.stage === 'produce' ? told('stage-ended', { stage: 'produce', outcome: 'cancelled', reason: 'enough' }) : fact,
    )
    expect(runOf(whole, unproduced as RunFact[]).reasons).toEqual([])
  })

  test('does not hide that the pipeline fails', () => {
    const lost = told('violation-found', { violation: 'lost', hop: RAW, stream: 0, ranges: [3, 3] })
    const { verdict } = runOf([...whole, ...without(RAW, 2), lost] as RunFact[])
    expect(verdict.verdict).toBe('fail')
    expect(verdict.reasons[0]).toBe(`1 lost at ${RAW}`)
  })

  test('is not asked for where the plan plants nothing', () => {
    const { run, evidence } = runOf([])
    const bare: RunState = { ...run, resolved: resolvedOf() }
    expect(watchedDefects(bare, evidence)).toEqual([])
  })
})

test('every defect has a kind of violation of its own', () => {
  expect(new Set(mirrorDefects.map((defect) => mirrorViolation[defect])).size).toBe(mirrorDefects.length)
})

import { describe, expect, test } from 'vitest'
import type { Fact, RunFact } from '../../schemas/results.ts'
import { judgeFromTopics } from './judge-again.ts'
import { judge, judgeEarly, unknownOf } from './judge.ts'
import { API, CLEAN, RAW, RUN, TABLE, chaosPlan, cleanFacts, foldAll, latencyOf, smokePlan, told } from './told-run.fixture.ts'

const judged = (facts: readonly RunFact[]) => {
  const { book, run, evidence } = foldAll(facts)
  return judge(book, run, evidence)
}
const without = (...kinds: RunFact['kind'][]) => cleanFacts().filter(({ kind }) => !kinds.includes(kind))
const found = (said: Partial<Fact<'violation-found'>>) => told('violation-found', said)
const clean = cleanFacts()
const notEnded = (stage: string) => clean.filter((fact) => !(fact.kind === 'stage-ended' && fact.stage === stage))
const endedAs = (stage: string, outcome: Fact<'stage-ended'>['outcome']) => [
  ...notEnded(stage),
  told('stage-ended', { stage, outcome, reason: 'so' }),
]
/** All but seq 5 of stream 0 at the table. */
const allBut5 = [
  { stream: 0, ranges: [0, 4, 6, 19] },
  { stream: 1, ranges: [0, 19] },
]

describe('a history', () => {
  test.each<[what: string, facts: RunFact[], verdict: string, reasons: (string | RegExp)[]]>([
    ['in which all went well', clean, 'pass', []],
    [
      'with something lost',
      [...clean, found({})],
      'fail',
      [`1 lost at ${TABLE}`, /fidelity at table:lake.trades is 97.5000 %, less than 99.99 %/],
    ],
    ['with something lost that came after all', [...clean, found({}), told('correction', { becomes: null })], 'pass', []],
    ['with something lost that was late instead', [...clean, found({}), told('correction')], 'fail', [`1 late at ${TABLE}`]],
    [
      'with several kinds',
      [...clean, found({ violation: 'reordered', hop: RAW, ranges: [1, 3] }), found({ violation: 'reordered', hop: RAW, ranges: [8, 8] })],
      'fail',
      [`4 reordered at ${RAW}`],
    ],
    ['with our own trouble', [...clean, told('evidence-missing')], 'inconclusive', [`${TABLE}: catalog away`]],
    [
      'with trouble and a defect: the worst wins',
      [...clean, told('evidence-missing'), found({ violation: 'reordered' })],
      'fail',
      [`1 reordered at ${TABLE}`, /catalog away/],
    ],
    [
      'of nothing but an acceptance',
      clean.slice(0, 1),
      'inconclusive',
      [/sight did not start.*ingestion-checker/, /reconcile did not start/, 'no canary was acknowledged'],
    ],
    ['without acknowledgements', without('canaries-produced'), 'inconclusive', ['no canary was acknowledged']],
    ['with a stage that did not end', notEnded('reconcile'), 'inconclusive', ['stage reconcile of storage-reconciler did not end']],
    ['with a stage that failed', endedAs('probe', 'failed'), 'inconclusive', ['stage probe of query-prober ended failed: so']],
    [
      'with a stage in doubt',
      endedAs('sight', 'inconclusive'),
      'inconclusive',
      ['stage sight of ingestion-checker ended inconclusive: so'],
    ],
    [
      'in which a hop was never seen',
      clean.filter((fact) => fact.kind !== 'hop-sighted' || fact.hop !== CLEAN),
      'inconclusive',
      [`40 canaries at ${CLEAN} were neither sighted nor judged`],
    ],
    [
      'in which the table was never seen',
      without('snapshot-reconciled'),
      'inconclusive',
      [`40 canaries at ${TABLE} were neither sighted nor judged`],
    ],
    [
      'in which the API was never asked',
      without('probe-answered'),
      'inconclusive',
      [`40 canaries at ${API} were neither sighted nor judged`],
    ],
    [
      'in which one is missing and nobody said why',
      [
        ...without('snapshot-reconciled', 'probe-answered'),
        told('snapshot-reconciled', { canaries: allBut5 }),
        told('probe-answered', { canaries: allBut5 }),
      ],
      'inconclusive',
      [`1 canaries at ${TABLE} were neither sighted nor judged`],
    ],
    [
      'in which the API left out what an earlier hop is accused of',
      [
        ...without('probe-answered'),
        found({ violation: 'corrupted', hop: CLEAN }),
        told('probe-answered', { canaries: allBut5, unchecked: [{ stream: 0, ranges: [5, 5] }] }),
      ],
      'fail',
      [`1 corrupted at ${CLEAN}`, /fidelity at topic:clean/],
    ],
  ])('%s', (...[, facts, verdict, reasons]) => {
    const judgement = judged(facts)
    expect(judgement.verdict).toBe(verdict)
    expect(judgement.reasons).toHaveLength(reasons.length)
    for (const [index, reason] of reasons.entries())
      expect(judgement.reasons[index]).toEqual(typeof reason === 'string' ? reason : expect.stringMatching(reason))
  })

  test('that lacks any one part is never a pass', () => {
    const kinds = ['canaries-produced', 'hop-sighted', 'snapshot-reconciled', 'probe-answered', 'stage-started', 'stage-ended'] as const
    for (const kind of kinds) {
      const facts = kind === 'stage-started' ? without('stage-started', 'stage-ended') : without(kind)
      expect([kind, judged(facts).verdict]).toEqual([kind, 'inconclusive'])
    }
  })

  test('of endless troubles tells so many that the verdict fits into a message', () => {
    const troubles = Array.from({ length: 5_000 }, (_, n) => told('evidence-missing', { reason: `trouble ${n}` }))
    const { verdict, reasons } = judged([...clean, ...troubles])
    expect([verdict, reasons.length, reasons.at(-1)]).toEqual(['inconclusive', 201, '4800 reasons more'])
  })

  test('of a cancelled run is inconclusive and says so, whatever was seen', () => {
    const { book, run, evidence } = foldAll(clean)
    book.cancelled.set(RUN, { atMs: 1, reason: 'enough' })
    expect(judge(book, run, evidence)).toMatchObject({ verdict: 'inconclusive', reasons: ['cancelled: enough'] })
  })
})

describe('what is in doubt', () => {
  test('may appear or not: neither its presence nor its absence is held against anybody', () => {
    const produced = told('canaries-produced', { acknowledged: allBut5, unknown: [{ stream: 0, ranges: [5, 5] }] })
    const absent = [
      ...without('canaries-produced', 'hop-sighted', 'snapshot-reconciled', 'probe-answered'),
      produced,
      ...[RAW, CLEAN].map((hop) => told('hop-sighted', { hop, canaries: allBut5 })),
      told('snapshot-reconciled', { canaries: allBut5 }),
      told('probe-answered', { canaries: allBut5 }),
    ]
    expect(judged(absent)).toMatchObject({ verdict: 'pass', acknowledged: 39, unknown: 1 })
    expect(judged([...without('canaries-produced'), produced])).toMatchObject({ verdict: 'pass', acknowledged: 39, unknown: 1 })
  })

  test('is also what was intended and never vouched for; what was refused for certain is not', () => {
    const { evidence } = foldAll([
      ...without('canaries-produced'),
      told('canaries-produced', { acknowledged: [{ stream: 0, ranges: [0, 19] }], failed: [{ stream: 1, ranges: [0, 3] }] }),
    ])
    expect(unknownOf(evidence).toWire()).toEqual([{ stream: 1, ranges: [4, 19] }])
  })
})

describe('a summary', () => {
  test('expects at a hop what the hop before has seen', () => {
    const facts = [
      ...without('hop-sighted', 'snapshot-reconciled', 'probe-answered'),
      told('hop-sighted', { hop: RAW, canaries: allBut5 }),
      told('hop-sighted', { hop: CLEAN, canaries: allBut5 }),
      told('snapshot-reconciled', { canaries: allBut5 }),
      told('probe-answered', { canaries: allBut5 }),
      found({ hop: RAW }),
    ]
    const { hops, verdict } = judged(facts)
    expect(verdict).toBe('fail')
    expect(hops.map(({ hop, expected, sighted, fidelity }) => [hop, expected, sighted, fidelity])).toEqual([
      ['source', 40, 40, null],
      [RAW, 40, 39, 0.975],
      [CLEAN, 39, 39, 1],
      [TABLE, 39, 39, 1],
      [API, 39, 39, 1],
    ])
  })

  test('leaves out hops that the plan has nobody look at', () => {
    const plan = { ...smokePlan, stages: smokePlan.stages.filter(({ task }) => task !== 'probe-api') }
    expect(judged(cleanFacts(plan)).hops.map(({ hop }) => hop)).toEqual(['source', RAW, CLEAN, TABLE])
    expect(judged(cleanFacts(plan)).verdict).toBe('pass')
  })
})

describe('budgets', () => {
  const budgeted = (budgets: object) => cleanFacts({ ...smokePlan, budgets })

  test('a fidelity that the plan allows to fall short excuses no defect', () => {
    const reasons = judged([...budgeted({ fidelity: 0.9 }), found({})]).reasons
    expect(reasons).toEqual([`1 lost at ${TABLE}`])
  })

  test('the p95 of an API', () => {
    const slow = told('probe-answered', { batch: 1, latency: latencyOf(...Array<number>(40).fill(200)) })
    expect(judged([...budgeted({ apiP95Ms: 150 }), slow])).toMatchObject({
      verdict: 'fail',
      reasons: [expect.stringMatching(/^p95 of api:stats is 200\.\d ms, more than 150 ms$/)],
    })
    expect(judged([...budgeted({ apiP95Ms: 250 }), slow]).verdict).toBe('pass')
    expect(judged([...budgeted({}), slow]).verdict).toBe('pass')
  })
})

describe('a fault of ours', () => {
  const changed = (phase: Fact<'fault-changed'>['phase'], atMs: number, said: Partial<Fact<'fault-changed'>> = {}) =>
    told('fault-changed', { phase, atMs, ...said })
  const life = [
    changed('journalled', 900),
    changed('injected', 1_000),
    changed('bit', 1_100),
    changed('healed', 2_000),
    changed('recovered', 2_500, { recoveryMs: 500 }),
  ]
  const history = (...facts: RunFact[]) => judged([...cleanFacts(chaosPlan), ...facts])

  test('that bit, healed and was recovered from leaves a pass, and the time it took', () => {
    expect(history(...life)).toMatchObject({
      verdict: 'pass',
      reasons: [],
      recoveries: [{ fault: 'pause', target: 'sink', recoveryMs: 500 }],
    })
  })

  test.each<[what: string, facts: RunFact[], verdict: string, reason: RegExp]>([
    ['of which nothing was heard', [], 'inconclusive', /no evidence that pause of sink took hold/],
    ['that never bit', life.filter(({ phase }) => phase !== 'bit'), 'inconclusive', /no evidence that pause of sink took hold/],
    [
      'that was void',
      [...life.slice(0, 2), changed('void', 1_200, { detail: 'still running' })],
      'inconclusive',
      /did not take hold: still running/,
    ],
    ['whose recovery nobody saw', life.slice(0, 4), 'inconclusive', /no evidence that the pipeline recovered/],
    ['that nobody saw healed', life.filter(({ phase }) => phase !== 'healed'), 'inconclusive', /no evidence that pause of sink was healed/],
    [
      'that was not recovered from',
      [...life.slice(0, 4), changed('not-recovered', 6_000, { detail: 'too late', recoveryMs: 3_500 })],
      'fail',
      /^not-recovered: pause of sink: too late/,
    ],
    [
      'that could not be healed',
      [...life.slice(0, 3), changed('heal-failed', 6_000, { detail: 'no such process' })],
      'inconclusive',
      /could not be healed: no such process/,
    ],
    [
      'that could not be healed, and was by another later',
      [...life.slice(0, 3), changed('heal-failed', 6_000, { detail: 'no answer' }), changed('healed', 9_000)],
      'inconclusive',
      /could not be healed: no answer/,
    ],
  ])('%s', (...[, facts, verdict, reason]) => {
    const judgement = history(...facts)
    expect(judgement.verdict).toBe(verdict)
    expect(judgement.reasons).toEqual([expect.stringMatching(reason)])
  })

  describe('of which the injector saw no recovery in time', () => {
    /** All acknowledged when it healed; the table has what `rows` say, and its reader ended its stage at 9,000. */
    const unseen = ({ rows, committedAtMs = 0, ended = 9_000 }: { rows: number; committedAtMs?: number; ended?: number | null }) => [
      ...cleanFacts(chaosPlan).flatMap((fact): RunFact[] => {
        if (fact.kind === 'snapshot-reconciled')
          return [{ ...fact, committedAtMs, canaries: [0, 1].map((stream) => ({ stream, ranges: [0, rows - 1] })) }]
        if (fact.kind !== 'stage-ended' || fact.stage !== 'reconcile') return [fact]
        return ended === null ? [] : [{ ...fact, outcome: rows < 20 ? ('inconclusive' as const) : ('ok' as const), atMs: ended }]
      }),
      ...life.slice(0, 4),
      changed('not-recovered', 5_200, { detail: 'lag grows' }),
    ]
    const unread = told('evidence-missing', { agent: 'storage-reconciler', reason: 'catalog away' })

    test.each<[what: string, facts: RunFact[], verdict: string, reason: RegExp | null]>([
      ['though the table was read to the end', unseen({ rows: 10 }), 'fail', /^not-recovered: pause of sink: lag grows$/],
      [
        'since its commit, read later, came too late',
        unseen({ rows: 20, committedAtMs: 5_001 }),
        'fail',
        /3001 ms after the healing, later/,
      ],
      ['though its commit, read later, was in time', unseen({ rows: 20, committedAtMs: 5_000 }), 'pass', null],
      [
        'and the reader of the table never came back',
        unseen({ rows: 10, ended: null }),
        'inconclusive',
        /not known: stage reconcile .* did not end/,
      ],
      ['and the reader of the table had ended', unseen({ rows: 10, ended: 5_199 }), 'inconclusive', /not known: .* ended before/],
      ['and the table could not be read', [...unseen({ rows: 10 }), unread], 'inconclusive', /not known: table:lake.trades: catalog away/],
    ])('%s', (...[, facts, verdict, reason]) => {
      const judgement = judged(facts)
      expect(judgement.verdict).toBe(verdict)
      expect(judgement.reasons.some((text) => text.startsWith('not-recovered'))).toBe(verdict === 'fail')
      if (reason !== null) expect(judgement.reasons).toContainEqual(expect.stringMatching(reason))
    })

    test('tells the recovery that was read later', () => {
      expect(judged(unseen({ rows: 20, committedAtMs: 2_700 })).recoveries).toEqual([{ fault: 'pause', target: 'sink', recoveryMs: 700 }])
    })
  })

  test.each<[what: string, seq: number, life: RunFact[], verdict: string]>([
    ['was to be sent before the recovery', 12, life, 'pass'],
    ['was to be sent behind it', 13, life, 'fail'],
    ['was to be sent behind it, were it known', 13, life.slice(0, 4), 'inconclusive'],
    ['was to be sent behind one that took long', 13, [...life.slice(0, 4), changed('recovered', 4_000, { recoveryMs: 2_000 })], 'pass'],
  ])('excuses what came late and %s', (...[, seq, facts, verdict]) => {
    // Of stream 0, canary 12 is meant for 2,400 and canary 13 for 2,600.
    expect(history(...facts, found({ violation: 'late', atMs: 3_000, ranges: [12, seq] })).verdict).toBe(verdict)
  })

  test.each<[what: string, violation: Fact<'violation-found'>['violation'], atMs: number, verdict: string]>([
    ['lateness while it stands', 'late', 1_500, 'pass'],
    ['a stale answer while the plan lets the pipeline catch up', 'stale', 4_999, 'pass'],
    ['slowness from the first moment on', 'slow', 1_000, 'pass'],
    ['lateness before it', 'late', 999, 'fail'],
    ['lateness after what the plan allows', 'late', 5_001, 'fail'],
    ['loss while it stands', 'lost', 1_500, 'fail'],
    ['a wrong answer while it stands', 'wrong-answer', 1_500, 'fail'],
  ])('excuses no more than it explains: %s', (...[, violation, atMs, verdict]) => {
    const judgement = history(...life, found({ violation, atMs }))
    expect(judgement.verdict).toBe(verdict)
    expect(judgement.reasons.some((reason) => reason.includes(` ${violation} at `))).toBe(verdict === 'fail')
  })

  describe('explains a stale answer', () => {
    const stale = found({ violation: 'stale', hop: API, atMs: 1_500 })
    const facts = (...canaries: typeof allBut5) => [
      ...cleanFacts(chaosPlan).filter(({ kind }) => kind !== 'probe-answered'),
      ...life,
      told('probe-answered', { canaries }),
      stale,
    ]
    test('that was followed by a right one', () => {
      expect(judged(facts({ stream: 0, ranges: [0, 19] }, { stream: 1, ranges: [0, 19] })).verdict).toBe('pass')
    })
    test('and no more: what was never answered right is in doubt', () => {
      const { verdict, reasons } = judged(facts(...allBut5))
      expect([verdict, reasons]).toEqual(['inconclusive', [`1 canaries at ${API} were neither sighted nor judged`]])
    })
    test("of a canary that was sent when the tables had recovered: endpoints have all of the plan's time", () => {
      const late = found({ violation: 'stale', hop: API, ranges: [13, 13], atMs: 4_900 })
      const right = facts({ stream: 0, ranges: [0, 19] }, { stream: 1, ranges: [0, 19] })
      expect(judged([...right, late]).verdict).toBe('pass')
      expect(judged([...right, { ...late, atMs: 5_001 }]).verdict).toBe('fail')
    })
    test('and not the next of the same canary, after what the plan allows', () => {
      expect(judged([...facts(...allBut5), { ...stale, atMs: 5_001 }])).toMatchObject({ verdict: 'fail', reasons: [`1 stale at ${API}`] })
    })
  })

  test('excuses no canary that was overdue before it', () => {
    // All were meant for the first four seconds, and may take five.
    const later = life.map((fact) => ({ ...fact, atMs: fact.atMs + 10_000 }))
    expect(history(...later, found({ violation: 'late', atMs: 11_500 })).verdict).toBe('fail')
    expect(history(...later, found({ violation: 'stale', atMs: 11_500 })).verdict).toBe('pass')
  })

  describe('of which not all was told', () => {
    const leased = life.map((fact) => ({ ...fact, leaseUntilMs: 6_000 }))
    const [journalled, injected, bit] = leased as [RunFact, RunFact, RunFact]
    const isVoid = changed('void', 2_000)

    test.each<[what: string, facts: RunFact[], firstMs: number, lastMs: number]>([
      ['but the intent: from then, to the end of its lease', [journalled], 900, 9_000],
      ['but that it stands: to the end of its lease', [journalled, injected, bit], 1_000, 9_000],
      ['but that it was healed, and did not bite as far as is known', [journalled, isVoid], 900, 5_000],
      ['since its bite is missing', [journalled, injected, isVoid], 1_000, 5_000],
      ['but that it bit, and another called it void', [journalled, isVoid, injected, bit], 1_000, 9_000],
    ])('excuses what came late and makes no pass: %s', (...[, facts, firstMs, lastMs]) => {
      const late = (atMs: number) => history(...facts, found({ violation: 'slow', atMs })).verdict
      expect([firstMs - 1, firstMs, lastMs, lastMs + 1].map(late)).toEqual(['fail', 'inconclusive', 'inconclusive', 'fail'])
    })

    test('makes no pass by a recovery that was read later', () => {
      const facts = leased.filter(({ phase }) => phase !== 'recovered')
      const late = changed('not-recovered', 5_200)
      const verdicts = [[...facts], facts.filter(({ phase }) => phase !== 'bit'), [...facts, isVoid]].map(
        (told) => history(...told, late).reasons,
      )
      expect(verdicts).toEqual([
        [],
        ['no evidence that pause of sink took hold'],
        [expect.stringMatching(/^pause of sink did not take hold/)],
      ])
    })
  })

  test('of which nothing was heard excuses nothing, and neither does one that would not go', () => {
    expect(judged([...clean, found({ violation: 'late', atMs: 1_500 })]).verdict).toBe('fail')
    const late = [...life.slice(0, 3), changed('heal-failed', 6_000), found({ violation: 'late', atMs: 1_500 })]
    expect(history(...late, changed('healed', 9_000))).toEqual(history(...late))
  })

  describe('that stands', () => {
    const standing = [changed('injected', 1_000, { leaseUntilMs: 6_000 }), changed('bit', 1_100)]
    const early = (...facts: RunFact[]) => {
      const { book, run, evidence } = foldAll([...cleanFacts(chaosPlan), ...facts])
      return judgeEarly(book, run, evidence)
    }

    test.each<[what: string, facts: RunFact[], violation: Fact<'violation-found'>['violation'], atMs: number, isTold: boolean]>([
      ['lateness while it stands', standing, 'late', 1_500, false],
      ['slowness up to the end of its lease and what the plan allows then', standing, 'slow', 9_000, false],
      ['lateness after that', standing, 'late', 9_001, true],
      ['lateness before it', standing, 'late', 999, true],
      ['loss while it stands', standing, 'lost', 1_500, true],
      ['lateness while the pipeline may recover, once it is healed', [...standing, changed('healed', 2_000)], 'late', 5_000, false],
      ['lateness after that', [...standing, changed('healed', 2_000)], 'late', 5_001, true],
      ['lateness, once it could not be healed', [...standing, changed('heal-failed', 2_000)], 'late', 1_500, true],
      ['lateness, once only its intent is known', [changed('journalled', 900, { leaseUntilMs: 6_000 })], 'late', 1_500, false],
      ['lateness, once it was called void', [changed('journalled', 900), changed('void', 2_000)], 'late', 1_500, false],
      ['lateness after what the plan allows then', [changed('journalled', 900), changed('void', 2_000)], 'late', 5_001, true],
    ])('leaves to the verdict what it may excuse: %s', (...[, facts, violation, atMs, isTold]) => {
      expect(early(...facts, found({ violation, atMs }))?.reasons ?? []).toEqual(isTold ? [`1 ${violation} at ${TABLE}`] : [])
    })

    test('does not name what it may excuse as what to look at first', () => {
      const late = (hop: string, atMs: number) => found({ violation: 'late', hop, atMs })
      expect(early(...standing, late(RAW, 1_500), late(TABLE, 9_001))?.gravest).toEqual({ violation: 'late', hop: TABLE })
    })
  })
})

describe('a verdict computed again', () => {
  test('counts what was before the judge then, and no more', () => {
    const verdict = told('run-judged', { agent: 'reporter', factsHeard: clean.length, atMs: 50 })
    const late = found({})
    expect(judgeFromTopics([...clean, verdict, late])?.judgement.verdict).toBe('pass')
    expect(judgeFromTopics([...clean, late, verdict])?.judgement.verdict).toBe('pass')
    expect(judgeFromTopics([...clean, late])?.judgement.verdict).toBe('fail')
  })

  test('knows the cancellations that came before it', () => {
    const verdict = told('run-judged', { agent: 'reporter', factsHeard: clean.length, atMs: 50 })
    const cancelledAt = (atMs: number) =>
      judgeFromTopics([...clean, verdict], new Map([[RUN, { atMs, reason: 'enough' }]]))?.judgement.verdict
    expect([cancelledAt(50), cancelledAt(51)]).toEqual(['inconclusive', 'pass'])
  })

  test('is none where nobody accepted the run', () => {
    expect(judgeFromTopics([told('stage-started')])).toBeNull()
  })
})

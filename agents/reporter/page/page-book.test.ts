import { describe, expect, test } from 'vitest'
import type { ResultMessage, RunFact } from '../../../schemas/results.ts'
import type { BusEvent } from '../../../shared/core/bus-events.ts'
import { configOf } from '../../../shared/core/played-core.fixture.ts'
import { ABANDON_AFTER_MS } from '../../../shared/core/admission.ts'
import { foldWorks, initWorks } from '../../../shared/core/run-work.ts'
import { accepted, API, chaosPlan, cleanFacts, RAW, requested, RUN, smokePlan, TABLE, told } from '../../../shared/core/told-run.fixture.ts'
import {
  agentViews,
  emptyPageBook,
  foldPageBook,
  HISTORY_MAX,
  KEPT_VIOLATIONS_MAX,
  latestFailed,
  latestRun,
  requestViews,
  rowView,
  runView,
  shownRuns,
  violationsView,
} from './page-book.ts'
import { LISTED_MAX } from './violation-views.ts'

/** The page's book and the reporter's, hearing the same. */
function reader() {
  const works = initWorks(configOf('reporter'))
  const pages = emptyPageBook({ jaegerUi: 'http://jaeger/', pipelineKafka: 'kafka:9092' })
  const hear = (...events: BusEvent[]) => {
    for (const event of events) {
      foldWorks(works, event)
      foldPageBook(pages, event, works)
    }
  }
  const tell = (...facts: ResultMessage[]) => {
    hear(...facts.map((fact) => ({ type: 'fact', fact }) as const))
  }
  const run = (runId = RUN) => {
    const found = works.base.book.runs.get(runId)
    if (found === undefined) throw new Error(`${runId} is no run`)
    return found
  }
  return {
    works,
    pages,
    hear,
    tell,
    run,
    view: (runId?: string) => runView(pages, works, run(runId)),
    row: (runId?: string) => rowView(pages, works, run(runId)),
    found: (runId?: string) => violationsView(pages, run(runId)),
  }
}

const idOf = (index: number) => `01999999-0000-7000-8000-${String(index).padStart(12, '0')}`
const toRun = (facts: readonly RunFact[], runId: string, requestedAtMs: number): RunFact[] =>
  facts.map((fact) => ({ ...fact, runId, ...(fact.kind === 'run-accepted' ? { requestedAtMs } : {}) }))
const lost = (index: number) => told('violation-found', { ranges: [index, index], partition: 1, offset: index })

describe('what the page shows of a run', () => {
  test('grows with what is told, and is the verdict’s own at the end', () => {
    const { tell, view, row } = reader()
    const half = [{ stream: 0, ranges: [0, 19] }]
    tell(accepted())
    expect(view()).toMatchObject({
      phase: 'waiting',
      verdict: null,
      planned: 40,
      acknowledged: 0,
      mayCancel: true,
      timeoutMs: smokePlan.timeoutMs,
    })
    tell(
      told('stage-started', { stage: 'sight' }),
      told('stage-started', { epochMs: 5 }),
      told('canaries-intended'),
      told('canaries-produced'),
    )
    tell(told('hop-sighted', { canaries: half }), lost(3))
    expect(view()).toMatchObject({ phase: 'running', acknowledged: 40, producedFromMs: 5 })
    const hops = Object.fromEntries(view().hops.map((hop) => [hop.hop, hop]))
    expect(hops['source']).toMatchObject({ kind: 'source', seen: 40, watched: true })
    expect(hops[RAW]).toMatchObject({ kind: 'topic', name: 'raw', seen: 20, expected: 40, deliverWithinMs: 5_000 })
    expect(hops[TABLE]?.violations).toEqual([{ kind: 'lost', canaries: 1 }])
    expect(hops[API]).toMatchObject({ kind: 'api', seen: 0, sampled: false, deliverWithinMs: null })
    expect(row()).toMatchObject({ phase: 'running', verdict: null, acknowledged: 40, violations: 1 })

    const summary = { hop: TABLE, expected: 40, sighted: 39, violations: [{ violation: 'lost' as const, count: 1 }], fidelity: 0.975 }
    const latency = { p50Ms: 1, p95Ms: 2, p99Ms: 3, maxMs: 4 }
    tell(
      told('run-judged', {
        verdict: 'fail',
        reasons: ['1 lost'],
        hops: [{ ...summary, ...latency }],
        reports: ['/x/y/report.html'],
        atMs: 9,
      }),
    )
    expect(view()).toMatchObject({
      phase: 'judged',
      verdict: 'fail',
      reasons: ['1 lost'],
      judgedAtMs: 9,
      mayCancel: false,
      reports: ['report.html'],
    })
    expect(view().hops.find(({ hop }) => hop === TABLE)).toMatchObject({ seen: 39, fidelity: 0.975, p95Ms: 2 })
    expect(row()).toMatchObject({ phase: 'judged', verdict: 'fail', violations: 1, reason: '1 lost', judgedAtMs: 9 })
  })

  test('fails as soon as it is told to, while it goes on', () => {
    const { tell, view, row } = reader()
    tell(...cleanFacts().slice(0, -1), lost(3), told('run-failing', { reports: ['/x/report.html'] }))
    expect(view()).toMatchObject({ phase: 'running', verdict: 'fail', judgedAtMs: null, reports: ['report.html'] })
    expect(row()).toMatchObject({ phase: 'running', verdict: 'fail', judgedAtMs: null })
    tell(told('run-judged'))
    expect(view()).toMatchObject({ phase: 'judged', verdict: 'pass' })
  })

  test('keeps violations, faults and missing evidence after the verdict, when the reporter has dropped them', () => {
    const { tell, view, found, works } = reader()
    tell(
      ...cleanFacts(chaosPlan),
      lost(3),
      told('fault-changed'),
      told('fault-changed', { phase: 'healed', atMs: 4 }),
      told('evidence-missing'),
    )
    const before = { found: found(), faults: view().faults, missing: view().missing }
    expect(before.found).toMatchObject({ canaries: 1, leftOut: 0, groups: [{ kind: 'lost', hop: TABLE, canaries: 1 }] })
    expect(before.found?.listed[0]).toMatchObject({
      place: 'topic clean partition 1 offset 3',
      look: 'kcat -b kafka:9092 -C -t clean -p 1 -o 3 -c 1',
    })
    expect(before.found?.listed[0]?.traceUrl).toBe(`http://jaeger/trace/${before.found?.listed[0]?.traceId}`)
    expect(before.faults).toMatchObject([{ phase: 'healed', atMs: 4 }])
    expect(before.missing).toEqual([{ hop: TABLE, reason: 'catalog away' }])
    tell(told('run-judged'), lost(4))
    expect(works.evidence.size).toBe(0)
    expect({ found: found(), faults: view().faults, missing: view().missing }).toEqual(before)
  })

  test('takes back what was corrected', () => {
    const { tell, found, row } = reader()
    tell(...cleanFacts(), told('violation-found'), told('correction', { becomes: null }))
    expect(found()?.groups).toEqual([])
    expect(row().violations).toBe(0)
  })

  test('says that a hop is not watched when no stage looks there', () => {
    const { tell, view } = reader()
    tell(accepted({ ...smokePlan, stages: smokePlan.stages.filter(({ task }) => task !== 'probe-api') }))
    expect(view().hops.map(({ hop, watched }) => `${hop} ${watched}`)).toEqual([
      'source true',
      `${RAW} true`,
      'topic:clean true',
      `${TABLE} true`,
      `${API} false`,
    ])
  })

  test.each([
    { what: 'a run that was cancelled', cancelled: true, atMs: 1_000, phase: 'cancelling', mayCancel: false },
    {
      what: 'a run that nobody judged',
      cancelled: false,
      atMs: smokePlan.timeoutMs + ABANDON_AFTER_MS + 1,
      phase: 'abandoned',
      mayCancel: false,
    },
  ])('shows $what as $phase', ({ cancelled, atMs, phase, mayCancel }) => {
    const { tell, hear, view } = reader()
    tell(accepted(), told('stage-started'))
    const message = { kind: 'run-cancelled', runId: RUN, reason: 'enough', requestedBy: 'me' } as const
    if (cancelled) hear({ type: 'control', offset: 1, atMs: 0, message })
    hear({ type: 'tick', atMs })
    expect(view()).toMatchObject({ phase, mayCancel, cancelled: cancelled ? 'enough' : null })
  })

  test('lets a series be ended after its first window was judged, but no single window of it', () => {
    const { tell, hear, view } = reader()
    const plan = { ...smokePlan, repeatEveryMs: 60_000 }
    tell(accepted(plan), told('run-judged'))
    expect(view()).toMatchObject({ phase: 'judged', mayCancel: true, repeatEveryMs: 60_000 })
    const window = { series: RUN, index: 1, indexLast: null }
    tell(accepted(plan, { runId: idOf(2), window }), told('run-judged', { runId: idOf(2) }))
    expect(view(idOf(2))).toMatchObject({ mayCancel: false, repeatEveryMs: null, window })
    hear({ type: 'control', offset: 3, atMs: 0, message: { kind: 'run-cancelled', runId: RUN, reason: '', requestedBy: 'me' } })
    expect(view().mayCancel).toBe(false)
  })
})

describe('the history', () => {
  test('is the newest runs, and finds the latest and the last that failed', () => {
    const { tell, works, row } = reader()
    expect([latestRun(works.base.book, 0), latestFailed(works.base.book)]).toEqual([null, null])
    tell(...toRun([...cleanFacts(), told('run-judged', { verdict: 'fail' })], idOf(1), 100))
    tell(...toRun([...cleanFacts(), told('run-judged')], idOf(2), 200))
    expect(latestRun(works.base.book, 300)?.runId).toBe(idOf(2))
    tell(...toRun([accepted(), told('stage-started')], idOf(3), 50), ...toRun([accepted()], idOf(4), 60))
    expect(latestRun(works.base.book, 300)?.runId).toBe(idOf(3))
    expect(latestFailed(works.base.book)?.runId).toBe(idOf(1))
    expect(shownRuns(works.base.book).map(({ runId }) => row(runId).runId)).toEqual([idOf(2), idOf(1), idOf(4), idOf(3)])
  })

  test('is bounded, however many runs and violations there are', () => {
    const { tell, works, pages, found } = reader()
    const runs = HISTORY_MAX + 20
    const many = Array.from({ length: LISTED_MAX + 50 }, (_, index) => lost(index))
    for (let index = 0; index < runs; index++)
      tell(...toRun([...cleanFacts(), ...many, told('run-judged', { verdict: 'fail' })], idOf(index), index))
    expect(shownRuns(works.base.book)).toHaveLength(HISTORY_MAX)
    expect(pages.judged.size).toBe(HISTORY_MAX)
    expect(pages.evidence.size).toBe(0)
    const listed = [...pages.judged.values()].reduce((sum, { violations }) => sum + violations.listed.length, 0)
    expect(listed).toBe(KEPT_VIOLATIONS_MAX)
    expect(found(idOf(runs - 1))).toMatchObject({ canaries: LISTED_MAX + 50, leftOut: 50 })
    expect(found(idOf(30))).toMatchObject({ canaries: LISTED_MAX + 50, leftOut: LISTED_MAX + 50, listed: [] })
    expect(found(idOf(1))).toBeNull()
  })
})

describe('requests', () => {
  const asked = (offset: number, said: Parameters<typeof requested>[0] = {}): BusEvent => ({
    type: 'control',
    offset,
    atMs: 0,
    message: requested(said),
  })

  test('wait for an answer until they are a run', () => {
    const { hear, tell, pages, works } = reader()
    hear(asked(4))
    expect(requestViews(pages, works)).toMatchObject([{ controlOffset: 4, runId: RUN, plan: 'told', requestedBy: 'told', problems: null }])
    tell(accepted())
    expect(requestViews(pages, works)).toEqual([])
    hear(asked(5))
    expect(requestViews(pages, works)).toEqual([])
  })

  test('are refused with the reason, whichever topic is read first', () => {
    const refused = told('request-refused', { controlOffset: 4, problems: ['no such plan'] })
    for (const refusalFirst of [true, false]) {
      const { hear, tell, pages, works } = reader()
      if (refusalFirst) tell(refused)
      hear(asked(4))
      if (!refusalFirst) tell(refused)
      expect(requestViews(pages, works)).toMatchObject([{ controlOffset: 4, problems: ['no such plan'] }])
    }
  })

  test('that cannot be read are shown, those of a series are not, and all go after a while', () => {
    const { hear, pages, works } = reader()
    hear({ type: 'tick', atMs: 1_000 })
    hear(asked(1, { window: { series: RUN, index: 1, indexLast: null } }))
    hear({ type: 'control-unreadable', offset: 2, problems: ['not JSON'], excerpt: 'hello' })
    expect(requestViews(pages, works)).toMatchObject([{ controlOffset: 2, runId: null, plan: 'hello', problems: ['not JSON'] }])
    hear({ type: 'tick', atMs: 1_000 + 600_000 })
    expect(requestViews(pages, works)).toEqual([])
  })
})

test('agents are shown with their newest heartbeat', () => {
  const { tell, pages } = reader()
  const beat = (agent: string, atMs: number) => told('agent-heartbeat', { agent, atMs, version: '1' })
  tell(beat('reporter', 9), beat('generator', 5), beat('reporter', 7))
  expect(agentViews(pages)).toEqual([
    { agent: 'generator', heardAtMs: 5, version: '1' },
    { agent: 'reporter', heardAtMs: 9, version: '1' },
  ])
})

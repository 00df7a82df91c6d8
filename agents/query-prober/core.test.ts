import { describe, expect, test } from 'vitest'
import { CanarySet } from '../../shared/core/canary-set.ts'
import { standingViolations } from '../../shared/core/evidence.ts'
import type { Question } from './events.ts'
import { LOOKUP, Story, WINDOW, both, touches, type ApiUnderTest } from './story.fixture.ts'

const wrong = { mismatches: [{ json: 'count', expected: '10', actual: '9' }] }

/** All 200 canaries in two snapshots, the generator done. */
function toTheEnd(story: Story, without: readonly [number, number][] = []): void {
  story.run(400)
  story.produced(both(0, 49))
  story.snapshot(both(0, 49, without))
  story.run(2_000)
  story.produced(both(50, 99))
  story.snapshot(both(50, 99, without))
  story.run(2_000)
  story.end('produce')
  story.run(60_000)
}

test('a faithful API: windows cover every canary, look-ups a sample, and nobody is accused', () => {
  const story = new Story()
  toTheEnd(story)
  expect(story.ended?.outcome).toBe('ok')
  expect(story.violations).toEqual([])
  expect(story.compared(WINDOW)).toBe(200)
  expect(story.compared(LOOKUP)).toBe(200)
  const probe = story.evidence.probes.get(WINDOW)
  expect(probe?.latency.count).toBe(probe?.requests)
  expect(story.asked.map(({ question }) => question.kind)).toEqual(expect.arrayContaining(['no-credentials', 'unknown-id']))
  const visible = story.evidence.probes.get('visibility:stats')
  expect(visible?.requests).toBe(2)
  expect(visible?.latency.quantile(1)).toBeLessThan(500)
})

test('the same story twice asks the same questions', () => {
  const [one, two] = [new Story(), new Story()]
  toTheEnd(one)
  toTheEnd(two)
  expect(one.asked).toEqual(two.asked)
})

test('questions come at the planned rate, whatever the answers', () => {
  const story = new Story()
  story.produced(both(0, 99))
  story.snapshot(both(0, 99))
  story.run(4_000)
  expect(story.asked.length).toBeGreaterThan(195)
  expect(story.asked.length).toBeLessThan(220)
})

test('a canary missing from aggregates alone is named, and only it', () => {
  const story = new Story(({ hop, question }) => (hop === WINDOW && touches(question, 1, 63) ? wrong : {}))
  toTheEnd(story)
  expect(story.violations).toEqual(['wrong-answer api:stats 1/63-63 count'])
  expect(story.compared(WINDOW)).toBe(199)
  expect(story.ended?.outcome).toBe('ok')
})

test('a window that is wrong while its halves are right is accused as a whole', () => {
  const story = new Story(({ question }) =>
    question.kind === 'window' && touches(question, 0, 44) && touches(question, 0, 45) ? wrong : {},
  )
  toTheEnd(story)
  const accused = story.violations.filter((text) => text.startsWith('wrong-answer api:stats 0/'))
  expect(accused.length).toBeGreaterThan(0)
  expect(accused.length).toBe(story.violations.length)
})

test('an answer that is wrong once, and right when asked again, accuses nobody', () => {
  const seen = new Set<string>()
  const story = new Story(({ hop, question }) => {
    const first = !seen.has(JSON.stringify([hop, question]))
    seen.add(JSON.stringify([hop, question]))
    return first && question.kind !== 'no-credentials' && question.kind !== 'unknown-id' ? wrong : {}
  })
  toTheEnd(story)
  expect(story.violations).toEqual([])
  expect(story.compared(WINDOW)).toBe(200)
})

test('a canary the API does not know is a wrong answer', () => {
  const story = new Story(({ hop, question }) =>
    hop === LOOKUP && question.kind === 'canary' && touches(question, 0, 7) ? { status: 404 } : {},
  )
  toTheEnd(story)
  expect(story.violations).toEqual(['wrong-answer api:trade 0/7-7 status'])
  const looks = story.asked.filter(({ hop, question }) => hop === LOOKUP && question.kind === 'canary' && touches(question, 0, 7))
  expect(looks.map(({ isSuspect }) => isSuspect)).toEqual([false, true])
  expect(story.asked.filter(({ isSuspect }) => isSuspect)).toHaveLength(1)
})

test('an API that lags behind is asked again, and not accused', () => {
  const story = new Story()
  story.produced(both(0, 49))
  story.snapshot(both(0, 49))
  story.run(1_000)
  const secondAtMs = story.nowMs
  story.api = ({ atMs, question }) => (atMs < secondAtMs + 2_000 ? { snapshotId: '1', ...(touches(question, 0, 80) ? wrong : {}) } : {})
  story.produced(both(50, 99))
  story.snapshot(both(50, 99))
  story.end('produce')
  story.run(60_000)
  expect(story.violations).toEqual([])
  expect(story.compared(WINDOW)).toBe(200)
  expect(story.evidence.probes.get('visibility:stats')?.latency.quantile(1)).toBeGreaterThan(1_900)
})

test('an API that stays behind is stale for what it cannot show, and right for the rest', () => {
  const story = new Story(() => ({ snapshotId: '1' }))
  toTheEnd(story)
  const stale = story.violations.filter((text) => text.startsWith(`stale ${WINDOW}`))
  expect(stale.length).toBeGreaterThan(0)
  expect(story.violations.every((text) => text.startsWith('stale'))).toBe(true)
  expect(story.compared(WINDOW)).toBe(100)
  expect(story.ended?.outcome).toBe('ok')
})

describe('an API that a fault of ours keeps behind', () => {
  /** Both snapshots told, the second while the API is kept at the first; healed 6 s later. */
  function broken(): { story: Story; healedAtMs: number } {
    const story = new Story()
    const changed = (phase: 'injected' | 'healed') => {
      const leaseUntilMs = story.nowMs + 20_000
      story.tell({
        kind: 'fault-changed',
        stage: 'break',
        fault: 'pause',
        target: 'api',
        phase,
        leaseUntilMs,
        recoveryMs: null,
        detail: '',
      })
    }
    story.run(400)
    story.produced(both(0, 99))
    story.snapshot(both(0, 49))
    story.run(1_000)
    changed('injected')
    story.api = () => ({ snapshotId: '1' })
    story.snapshot(both(50, 99))
    story.run(6_000)
    changed('healed')
    story.end('produce')
    return { story, healedAtMs: story.nowMs }
  }
  const staleOf = (story: Story) => standingViolations(story.evidence).filter(({ violation }) => violation === 'stale')

  test('is asked again for what it could not show, until it shows it', () => {
    const { story, healedAtMs } = broken()
    expect(staleOf(story).map(({ hop }) => hop)).toEqual(expect.arrayContaining([WINDOW, LOOKUP]))
    story.run(10_000)
    expect(story.hasEnded).toBe(false)
    // What it can show is asked meanwhile.
    expect([story.compared(WINDOW), story.compared(LOOKUP)]).toEqual([100, 100])
    story.api = () => ({})
    story.run(40_000)
    expect(story.ended?.outcome).toBe('ok')
    expect(staleOf(story).every(({ atMs }) => atMs <= healedAtMs)).toBe(true)
    expect([story.compared(WINDOW), story.compared(LOOKUP)]).toEqual([200, 200])
  })

  test('and does not come back is accused of all it does not show, once its time to recover is over', () => {
    const { story, healedAtMs } = broken()
    story.run(80_000)
    expect(story.ended?.outcome).toBe('ok')
    const after = staleOf(story).filter(({ atMs }) => atMs > healedAtMs)
    expect(after.map(({ atMs }) => atMs - healedAtMs).filter((ms) => ms <= 15_000)).toEqual([])
    for (const hop of [WINDOW, LOOKUP]) {
      const told = after.filter((violation) => violation.hop === hop)
      expect(CanarySet.of(told.map(({ stream, standing }) => ({ stream, ranges: standing.ranges }))).toWire()).toEqual(both(50, 99))
      expect(told.reduce((sum, { standing }) => sum + standing.size, 0)).toBe(100)
    }
  })
})

describe('an endpoint that fails', () => {
  const down = { status: null, snapshotId: null, error: 'no connection' }
  const told = (story: Story, phase: 'injected' | 'healed') => {
    const leaseUntilMs = story.nowMs + 20_000
    story.tell({ kind: 'fault-changed', stage: 'break', fault: 'pause', target: 'api', phase, leaseUntilMs, recoveryMs: null, detail: '' })
  }
  /** Everything in the table, and a fault that takes the endpoints down in the final pass, for 25 s. */
  function paused(): { story: Story; healedAtMs: number } {
    const story = new Story(() => down)
    story.run(400)
    told(story, 'injected')
    story.produced(both(0, 99))
    story.snapshot(both(0, 99))
    story.end('produce')
    story.run(25_000)
    told(story, 'healed')
    return { story, healedAtMs: story.nowMs }
  }

  test('once, after a pause in which it was asked nothing, is not down', () => {
    const story = new Story()
    story.run(400)
    story.produced(both(0, 98))
    story.tell({ kind: 'canaries-intended', hop: 'topic:raw', canaries: both(99, 99), placeFirst: 198, shiftMs: 0 })
    story.snapshot(both(0, 98))
    story.end('produce')
    story.run(30_000)
    expect(story.hasEnded).toBe(false)
    let failures = 0
    story.api = () => (failures++ === 0 ? down : {})
    story.sighted(both(99, 99))
    story.snapshot(both(99, 99))
    story.end('sight')
    story.end('reconcile')
    story.run(30_000)
    expect(failures).toBeGreaterThan(1)
    expect(story.violations).toEqual([])
    expect(story.compared(WINDOW)).toBe(200)
  })

  test('while a fault of ours stands is asked until it answers, and nobody is accused', () => {
    const { story } = paused()
    story.run(8_000)
    story.api = () => ({})
    story.run(40_000)
    expect(story.violations).toEqual([])
    expect([story.ended?.outcome, story.compared(WINDOW)]).toEqual(['ok', 200])
  })

  test('and does not come back from a fault of ours is unavailable once its time to recover is over', () => {
    const { story, healedAtMs } = paused()
    story.run(60_000)
    const said = standingViolations(story.evidence)
    expect(said.length).toBeGreaterThan(0)
    expect(said.every(({ violation, atMs }) => violation === 'unavailable' && atMs > healedAtMs + 15_000 + 20_000)).toBe(true)
  })
})

test.each([
  ['alike for every question', () => 'no column prise', 1],
  [
    'in ever new words',
    (
      () =>
      (n = 0) =>
      () =>
        `row ${++n}`
    )()(),
    20,
  ],
])('what keeps all answers from being computed is told %s, and ends nothing', (_how, refused, times) => {
  const story = new Story()
  story.refused = refused
  toTheEnd(story)
  const missing = story.facts.filter((fact) => fact.kind === 'evidence-missing')
  expect([WINDOW, LOOKUP].map((hop) => missing.filter((fact) => fact.hop === hop).length)).toEqual([times, times])
  expect(story.ended?.outcome).toBe('ok')
  expect(story.violations).toEqual([])
})

test('a snapshot that is in no lineage is named after a fresh look at the catalog', () => {
  const story = new Story(({ question, hop }) => (hop === LOOKUP && touches(question, 1, 5) ? { snapshotId: '777' } : {}))
  toTheEnd(story)
  expect(story.looks.length).toBeGreaterThan(0)
  expect(story.violations).toEqual(['wrong-answer api:trade 1/5-5 snapshotId'])
})

test('an API that is ahead of the reconciler is right all the same, and the catalog is asked seldom', () => {
  const story = new Story()
  story.run(400)
  story.produced(both(0, 99))
  story.snapshot(both(0, 99))
  story.api = () => ({ snapshotId: '2' })
  story.run(1_000)
  expect(story.looks).toEqual([])
  story.snapshot([])
  story.run(3_000)
  expect(story.looks).toEqual([])
  expect(story.compared(WINDOW)).toBeGreaterThan(0)
  story.end('produce')
  story.run(30_000)
  expect(story.violations).toEqual([])
  expect(story.compared(WINDOW)).toBe(200)
})

test('without that look nobody is accused, and the evidence is said to be missing', () => {
  const story = new Story(({ question, hop }) => (hop === LOOKUP && touches(question, 1, 5) ? { snapshotId: '777' } : {}))
  story.catalog = 'down'
  toTheEnd(story)
  expect(story.violations).toEqual([])
  expect(story.evidence.missing.map(({ reason }) => reason)).toEqual([expect.stringContaining('catalog away')])
})

test('a difference in a snapshot the reconciler has not told is not judged before it has', () => {
  const story = new Story()
  story.produced(both(0, 99))
  story.snapshot(both(0, 99))
  story.end('produce')
  // The second row of 0/9 came with snapshot 2, which the API reads at once.
  story.untold.push({ snapshotId: '2', parentId: '1', committedAtMs: story.nowMs })
  story.api = ({ question, hop }) => (touches(question, 0, 9) && hop === WINDOW ? { snapshotId: '2', ...wrong } : {})
  story.run(5_000)
  expect(story.hasEnded).toBe(false)
  story.snapshot([{ stream: 0, ranges: [9, 9] }], { repeats: [{ stream: 0, seq: 9, partition: 0, offset: 900 }] })
  story.run(60_000)
  expect(story.violations).toEqual([])
  expect(story.compared(WINDOW)).toBe(199)
  expect(story.evidence.probes.get(WINDOW)?.unchecked.toWire()).toEqual([{ stream: 0, ranges: [9, 9] }])
})

test('what an earlier hop is accused of is left out, and said to be', () => {
  const story = new Story(({ question, hop }) => (hop === WINDOW && touches(question, 0, 20) ? wrong : {}))
  story.accused('corrupted', { stream: 0, seq: 20 })
  story.accused('lost', { stream: 1, seq: 30 })
  toTheEnd(story, [[1, 30]])
  expect(story.violations).toEqual([])
  expect(story.compared(WINDOW)).toBe(198)
  // The lost one never came as far as the table: it is not this hop's to leave out.
  expect(story.evidence.probes.get(WINDOW)?.unchecked.toWire()).toEqual([{ stream: 0, ranges: [20, 20] }])
})

const TABLE = 'table:lake.trades'
const lacks =
  (stream: number, seq: number) =>
  ({ hop, question }: { hop: string; question: Question }) =>
    !touches(question, stream, seq)
      ? {}
      : hop === LOOKUP
        ? { status: 404 }
        : { mismatches: [{ json: 'count', expected: '2', actual: '1' }] }

test('an API that does not show what the table has lost is right, though the loss is told late', () => {
  const story = new Story()
  story.run(400)
  story.produced(both(0, 99))
  story.snapshot(both(0, 99))
  story.run(2_000)
  story.api = lacks(1, 5)
  story.snapshot([], { removed: [{ stream: 1, ranges: [5, 5] }] })
  story.run(6_000)
  story.accused('lost', { stream: 1, seq: 5 }, TABLE)
  for (const stage of ['produce', 'sight', 'reconcile']) story.end(stage)
  story.run(30_000)
  expect(story.violations).toEqual([])
  expect(story.ended?.outcome).toBe('ok')
})

test.each(['told at once', 'known to the catalog first'])('an API follows a table that was set back, and is right (%s)', (when) => {
  const story = new Story()
  story.run(400)
  story.produced(both(0, 99))
  story.snapshot(both(0, 49))
  story.snapshot(both(50, 99))
  story.run(1_000)
  // Snapshot 3 stands on 1: nothing of 2 is left.
  story.api = ({ hop, question }) => ({ snapshotId: '3', ...lacks(0, 99)({ hop, question }) })
  if (when !== 'told at once') story.untold.push({ snapshotId: '3', parentId: '1', committedAtMs: story.nowMs })
  else story.snapshot([], { parentId: '1' })
  story.run(4_000)
  if (when !== 'told at once') story.snapshot([], { parentId: '1' })
  story.run(2_000)
  for (const stream of [0, 1]) for (let seq = 50; seq < 100; seq++) story.accused('lost', { stream, seq }, TABLE)
  for (const stage of ['produce', 'sight', 'reconcile']) story.end(stage)
  story.run(30_000)
  expect(story.violations).toEqual([])
  expect(story.ended?.outcome).toBe('ok')
})

test('the last pass waits until the topics have been read as far as the table', () => {
  const story = new Story()
  story.produced(both(0, 49))
  story.snapshot(both(0, 99))
  story.end('produce')
  story.run(10_000)
  expect(story.hasEnded).toBe(false)
  expect(story.asked.some(({ question }) => touches(question, 0, 60))).toBe(false)
  story.sighted(both(50, 99))
  story.run(30_000)
  expect(story.compared(WINDOW)).toBe(200)
})

test('the last pass covers what nobody vouches for as well: it ends when topics are read to their end, and the table holds what they had', () => {
  const story = new Story()
  story.tell({ kind: 'canaries-intended', hop: 'topic:raw', canaries: both(0, 99), placeFirst: 0, shiftMs: 0 })
  story.produced(both(0, 29))
  story.snapshot(both(0, 29))
  story.end('produce')
  story.run(5_000)
  expect(story.compared(WINDOW)).toBe(60)
  // What is vouched for was asked meanwhile, and is not asked again.
  const asked = story.asked.length
  story.run(1_000)
  expect(story.asked.length).toBe(asked)
  story.sighted(both(30, 59))
  story.end('sight')
  story.run(5_000)
  expect(story.hasEnded).toBe(false)
  story.snapshot(both(30, 59))
  story.run(30_000)
  expect(story.ended?.outcome).toBe('ok')
  expect(story.compared(WINDOW)).toBe(120)
})

const down: ApiUnderTest = () => ({ status: null, isJson: false, snapshotId: null, error: 'connect ECONNREFUSED' })

test('an endpoint that never answers is unavailable for every canary, and the stage ends', () => {
  const story = new Story(down)
  toTheEnd(story)
  expect(story.ended?.outcome).toBe('ok')
  expect(story.compared(WINDOW)).toBe(0)
  expect(story.violations.every((text) => text.startsWith('unavailable'))).toBe(true)
  expect(story.violations.filter((text) => text.includes(WINDOW)).length).toBe(20)
  expect(story.evidence.probes.get(WINDOW)?.errors).toBeGreaterThan(0)
})

test('an endpoint that is down for a while is only counted', () => {
  const story = new Story(({ atMs, ...asked }, right) => (atMs > 1_001_000 && atMs < 1_006_000 ? down({ atMs, ...asked }, right) : {}))
  toTheEnd(story)
  expect(story.violations).toEqual([])
  expect(story.compared(WINDOW)).toBe(200)
  expect(story.evidence.probes.get(WINDOW)?.errors).toBeGreaterThan(0)
})

test('a question that always fails while others are answered is unavailable', () => {
  const story = new Story(({ question, hop }) => (hop === LOOKUP && touches(question, 0, 3) ? { status: 500 } : {}))
  toTheEnd(story)
  expect(story.violations).toEqual(['unavailable api:trade 0/3-3'])
})

test('an API that lets strangers in is unprotected; one that answers an unknown id with a page is wrong', () => {
  const story = new Story(({ question, hop }) => {
    if (question.kind === 'no-credentials') return hop === WINDOW ? { status: 200 } : { status: 403 }
    return question.kind === 'unknown-id' ? { isJson: false } : {}
  })
  toTheEnd(story)
  expect(story.violations.map((text) => text.replace(/ \d.*\d/, ''))).toEqual(
    expect.arrayContaining([`unprotected ${WINDOW}`, `wrong-answer ${LOOKUP} status`]),
  )
  expect(story.violations.length).toBe(2)
})

test('killed in the midst, it goes on where the log ends: nothing is counted twice, nothing is left out', () => {
  const story = new Story(({ hop, question }) => (hop === WINDOW && touches(question, 1, 63) ? wrong : {}))
  story.produced(both(0, 99))
  story.snapshot(both(0, 99))
  story.run(3_000)
  story.restart()
  story.end('produce')
  story.run(2_500)
  story.restart()
  story.run(60_000)
  expect(story.ended?.outcome).toBe('ok')
  expect(story.compared(WINDOW)).toBe(199)
  expect(story.violations).toEqual(['wrong-answer api:stats 1/63-63 count'])
  const batches = story.facts.flatMap((fact) => (fact.kind === 'probe-answered' && fact.hop === WINDOW ? [fact.batch] : []))
  expect(batches).toEqual(batches.map((_, i) => i))
  expect(story.facts.filter((fact) => fact.kind === 'stage-started' && fact.stage === 'probe').length).toBe(1)
})

test('of the last pass, a process that comes after asks for nothing again', () => {
  const story = new Story()
  story.produced(both(0, 99))
  story.snapshot(both(0, 99))
  story.end('produce')
  const windows = () => story.asked.filter(({ question }) => question.kind === 'window').length
  story.run(2_600)
  expect(story.compared(WINDOW)).toBe(200)
  const asked = windows()
  expect(story.hasEnded).toBe(false)
  story.restart()
  story.run(60_000)
  expect(story.ended?.outcome).toBe('ok')
  expect(windows()).toBe(asked)
})

test('a stage that cannot finish in its time is inconclusive', () => {
  const story = new Story()
  story.produced(both(0, 99))
  story.run(120_000)
  expect(story.ended?.outcome).toBe('inconclusive')
})

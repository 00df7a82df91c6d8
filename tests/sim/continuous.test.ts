import { expect, test } from 'vitest'
import { EVERY_MS, simulateSeries, type SeriesReport } from './series-world.ts'
import { hopNames } from './topology.ts'

/** Twelve with `npm test` and `npm run sim`. */
const HOURS = Number(process.env['SIM_HOURS'] ?? 1)
const MINUTES_AWAY = 7
/** Far enough from each other, from kills and from the time away that the window itself decides its verdict. */
const isBad = (index: number) => index % 5 === 2

/** Each window of the time once, as a run or as missed. */
function expectNoGap({ windows }: SeriesReport, count: number): void {
  const covered = windows.flatMap(({ index, indexLast }) => Array.from({ length: (indexLast ?? index) - index + 1 }, (_, i) => index + i))
  expect(covered.slice(0, count)).toEqual(Array.from({ length: count }, (_, index) => index))
}

/** From then on all that is kept for a time is as long as it gets. */
const FULL_AFTER_HOURS = 5

/** What an agent holds in its last hours is no more than what it held in those after the fifth, within a tenth. */
function expectNoGrowth({ held }: SeriesReport, hours: number): void {
  if (hours < FULL_AFTER_HOURS + 2) return
  const half = FULL_AFTER_HOURS + (hours - FULL_AFTER_HOURS) / 2
  const most = (of: typeof held) => Math.max(...of.map(({ weight }) => weight))
  for (const [agent, all] of Map.groupBy(held, (one) => one.agent)) {
    const earlier = most(all.filter(({ hour }) => hour > FULL_AFTER_HOURS && hour <= half))
    const later = most(all.filter(({ hour }) => hour > half))
    expect({ agent, later, growth: later / earlier < 1.1 }).toEqual({ agent, later, growth: true })
  }
}

test(`${HOURS} h of windows: none is lost, none is judged twice, each is judged on its own`, () => {
  const report = simulateSeries({
    seed: 1,
    hours: HOURS,
    killEveryMs: Infinity,
    away: null,
    defectOf: (index) => (isBad(index) ? 'skip' : 'none'),
  })
  expectNoGap(report, HOURS * 60)
  for (const { index, verdicts } of report.windows.slice(0, HOURS * 60)) {
    // A window in which nothing was drawn for the defect passes.
    const wanted = isBad(index) && verdicts[0]?.verdict === 'fail' ? 'fail' : 'pass'
    expect([index, verdicts.map(({ revision, verdict }) => [revision, verdict])]).toEqual([index, [[0, wanted]]])
  }
  expect(report.windows.filter(({ verdicts }) => verdicts[0]?.verdict === 'fail').length).toBeGreaterThan(HOURS * 4)
  expectNoGrowth(report, HOURS)
})

test(`${HOURS} h with agents killed every few minutes, and all away for ${MINUTES_AWAY} minutes`, () => {
  const away = { fromMs: 20 * EVERY_MS, untilMs: (20 + MINUTES_AWAY) * EVERY_MS }
  const report = simulateSeries({ seed: 2, hours: HOURS, killEveryMs: 3 * EVERY_MS, away, defectOf: () => 'none' })
  expectNoGap(report, HOURS * 60)
  expect(report.kills).toBeGreaterThan(HOURS * 10)
  const missed = report.windows.filter(({ indexLast }) => indexLast !== null)
  expect(missed.length).toBeGreaterThan(0)
  for (const { index, indexLast, verdicts } of report.windows.slice(0, -2)) {
    // Whoever dies may leave a window in doubt; nobody's death makes the pipeline guilty.
    const wanted = indexLast === null && verdicts[0]?.verdict === 'pass' ? 'pass' : 'inconclusive'
    expect([index, verdicts.map(({ revision, verdict }) => [revision, verdict])]).toEqual([index, [[0, wanted]]])
  }
  const passed = report.windows.filter(({ verdicts }) => verdicts[0]?.verdict === 'pass').length
  expect(passed).toBeGreaterThan(HOURS * 60 * 0.7)
  for (const { runs, evidence } of report.held) {
    expect(runs).toBeLessThanOrEqual(257)
    expect(evidence).toBeLessThanOrEqual(32)
  }
})

/** The next one begins after a minute; of the looks that follow a verdict, the second comes after three. */
const DELIVERED_AFTER_MS = 75_000

test.each(['skip', 'sink-skip'] as const)(
  'records that come after the verdict, and after the next window began, amend their own window alone (%s)',
  (defect) => {
    const hop = defect === 'skip' ? hopNames.normalised : hopNames.table
    let amended = 0
    for (let seed = 3; seed < 8; seed++) {
      const report = simulateSeries({
        seed,
        hours: 0.25,
        killEveryMs: Infinity,
        away: null,
        defectOf: (index) => (isBad(index) ? defect : 'none'),
        deliveredAfterMs: (index) => (isBad(index) ? DELIVERED_AFTER_MS : null),
      })
      for (const window of report.windows.slice(0, 15)) {
        const delivery = report.delivered.find(({ index, records }) => index === window.index && records > 0)
        if (delivery === undefined)
          expect([seed, window.index, window.verdicts.map(toldBy)]).toEqual([seed, window.index, [[0, 'pass', '']]])
        // When nothing has proven the loss by then, it was late from the first verdict on.
        else if (delivery.atMs < firstOf(window).atMs)
          expect(window.verdicts.map(toldBy)).toEqual([[0, 'fail', `${delivery.records} late at ${hop}`]])
        else {
          amended++
          expectAmended({ window, next: report.windows.find(({ index }) => index === window.index + 1), delivery, hop })
        }
      }
    }
    expect(amended).toBeGreaterThan(4)
  },
)

type Window = SeriesReport['windows'][number]
const toldBy = ({ revision, verdict, reasons }: Window['verdicts'][number]) => [revision, verdict, reasons[0] ?? '']
const firstOf = ({ verdicts }: Window) => verdicts[0] as Window['verdicts'][number]

/** First lost, then late, in one revision or in several, while the next window is under way. */
function expectAmended(told: { window: Window; next: Window | undefined; delivery: SeriesReport['delivered'][number]; hop: string }): void {
  const { window, next, delivery, hop } = told
  const [first, ...later] = window.verdicts
  expect(first?.reasons[0]).toBe(`${delivery.records} lost at ${hop}`)
  expect(later.map(({ revision }) => revision)).toEqual(later.map((_, at) => at + 1))
  expect(later.at(-1)?.reasons[0]).toBe(`${delivery.records} late at ${hop}`)
  expect(first?.atMs).toBeLessThan(delivery.atMs)
  expect(next?.acceptedAtMs).toBeLessThan(delivery.atMs)
  expect(later[0]?.atMs).toBeGreaterThan(delivery.atMs)
  expect(window.acceptedAtMs).toBeLessThan(next?.acceptedAtMs ?? 0)
}

const AWAY_HOURS = 7

test('after more hours without agents than facts are read back the series goes on, and tells the gap', () => {
  const away = { fromMs: 20 * EVERY_MS, untilMs: (20 + AWAY_HOURS * 60) * EVERY_MS }
  const report = simulateSeries({ seed: 4, hours: AWAY_HOURS + 0.5, killEveryMs: Infinity, away, defectOf: () => 'none' })
  expectNoGap(report, (AWAY_HOURS + 0.5) * 60)
  const missed = report.windows.flatMap(({ index, indexLast }) => (indexLast === null ? [] : [indexLast - index + 1]))
  // At the start the last window or two may still be ones that somebody could begin.
  expect(missed.length).toBeLessThanOrEqual(2)
  expect(Math.max(...missed)).toBeGreaterThan(AWAY_HOURS * 60 - 5)
})

test('a series that was ended stays ended, also for who starts long after', () => {
  const away = { fromMs: 12 * EVERY_MS, untilMs: (12 + AWAY_HOURS * 60) * EVERY_MS }
  const report = simulateSeries({
    seed: 5,
    hours: AWAY_HOURS + 0.5,
    killEveryMs: Infinity,
    away,
    cancelledAtMs: 10 * EVERY_MS + 5_000,
    defectOf: () => 'none',
  })
  expect(report.windows.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
})

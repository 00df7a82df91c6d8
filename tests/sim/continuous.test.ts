import { expect, test } from 'vitest'
import { EVERY_MS, simulateSeries, type SeriesReport } from './series-world.ts'

/** Twelve with `npm run sim`. */
const HOURS = Number(process.env['SIM_HOURS'] ?? 1)
const MINUTES_AWAY = 7
/** Far enough from each other, from kills and from the time away that the window itself decides its verdict. */
const isBad = (index: number) => index % 5 === 2

/** Each window of the time once, as a run or as missed. */
function expectNoGap({ windows }: SeriesReport, count: number): void {
  const covered = windows.flatMap(({ index, indexLast }) => Array.from({ length: (indexLast ?? index) - index + 1 }, (_, i) => index + i))
  expect(covered.slice(0, count)).toEqual(Array.from({ length: count }, (_, index) => index))
}

test(`${HOURS} h of windows: none is lost, none is judged twice, each is judged on its own`, { timeout: 1_200_000 }, () => {
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
})

test(`${HOURS} h with agents killed every few minutes, and all away for ${MINUTES_AWAY} minutes`, { timeout: 1_200_000 }, () => {
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

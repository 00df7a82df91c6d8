import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { exampleFile, examples } from '../reports/examples.ts'
import { looks, openBrowser, openTab, reportLooks, unfoldAll, type Page } from './browser.ts'
import { clock, newReportsDir, newTopics, startReporter } from './reporter-host.ts'
import { CLEAN, heartbeat, storyOf, TABLE } from './story.ts'

/**
 * Pictures of the page and of the kept reports in each look, to be looked at: `node tests/page/pictures.ts folder`; those of the
 * reports alone with `node tests/page/pictures.ts folder reports`.
 */
const folder = process.argv[2] ?? 'pictures'
mkdirSync(folder, { recursive: true })
await takeReports()
if (process.argv[3] === 'reports') process.exit(0)
const reports = newReportsDir()
const reporter = await startReporter({ topics: newTopics(), reportsDir: reports.path })
const browser = await openBrowser()
const nowMs = () => clock.nowMs()
const agents = ['generator', 'ingestion-checker', 'query-prober', 'reporter', 'storage-reconciler']
reporter.tell(heartbeat('chaos-injector', nowMs() - 60_000))
const stopBeats = clock.every(2_000, (atMs) => {
  reporter.tell(...agents.map((agent) => heartbeat(agent, atMs)))
})

for (let i = 0; i < 24; i++) {
  const fromMs = nowMs() - (24 - i) * 65_000
  const story = storyOf({ name: `past ${i}`, fromMs, nowMs: () => fromMs + 31_000 })
  const bad = i === 7 ? [story.violation({ violation: 'lost', hop: TABLE, ranges: [4, 9] })] : []
  const doubt = i === 15 ? [story.missing(TABLE, 'the catalog did not answer for 40 s')] : []
  reporter.tell(story.accepted(), ...story.started(), ...story.produced(0, 999), ...story.seen(0, 999), ...bad, ...doubt, ...story.ended())
}
const failing = storyOf({ name: 'failing', plan: 'smoke-chaos', fromMs: nowMs() - 42_000, nowMs })
const at = { partition: 3, offset: 52_007 }
reporter.tell(
  failing.accepted(),
  ...failing.started(),
  ...failing.produced(0, 999),
  ...failing.seen(0, 989),
  ...Array.from({ length: 9 }, (_, i) =>
    failing.violation({
      violation: 'lost',
      hop: CLEAN,
      ranges: [990 + i, 990 + i],
      actual: 'in no partition, read up to 53,120',
      ...at,
      offset: at.offset + i,
    }),
  ),
  failing.violation({
    violation: 'corrupted',
    hop: TABLE,
    field: 'price',
    ranges: [41, 41],
    expected: '17.250000',
    actual: '17.25',
    snapshotId: '8736928765648536223',
    file: 's3://warehouse/market/trades/data/00001-7.parquet',
  }),
  failing.violation({ violation: 'late', hop: TABLE, ranges: [400, 449], expected: 'within 20,000 ms', actual: '24,812 ms' }),
  failing.fault('injected'),
  failing.fault('bit'),
  failing.fault('healed'),
  failing.fault('recovered', 6_400),
  ...failing.ended(),
)
await new Promise((resolve) => setTimeout(resolve, 1_000))
await takePage('fail', { path: `/runs/${failing.runId}`, heading: 'Fail' })
const live = storyOf({ name: 'live', fromMs: nowMs() - 12_000, nowMs })
reporter.tell(live.accepted(), ...live.started(), ...live.produced(0, 699), ...live.seen(0, 640, CLEAN), ...live.seen(0, 499))
await takePage('live', { path: '', heading: 'Under way', before: (page) => page.getByText('Start a run').click() })
reporter.tell(live.violation({ violation: 'lost', hop: CLEAN, ranges: [641, 643], actual: 'in no partition, read up to 53,120', ...at }))
await takePage('early', { path: `/runs/${live.runId}`, heading: 'Fail' })
await takePage('early-report', { path: `/runs/${live.runId}/report.html`, heading: 'fail smoke' })
await browser.close()
stopBeats()
await reporter.stop()
await reports.remove()

interface Shown {
  readonly path: string
  readonly heading: string
  readonly before?: (page: Page) => Promise<unknown>
}

/** What the reporter serves there, once the heading is seen. */
async function takePage(name: string, { path, heading, before }: Shown): Promise<void> {
  for (const { width, scheme } of looks) {
    const { page, complaints } = await openTab(browser, { width, scheme })
    await page.goto(`${reporter.url}${path}`)
    await page.getByRole('heading', { name: heading }).waitFor()
    await before?.(page)
    await page.waitForTimeout(500)
    await page.screenshot({ path: join(folder, `${name}-${width}-${scheme}.png`), fullPage: true })
    process.stdout.write(`${name}-${width}-${scheme} ${complaints.join(' | ')}\n`)
    await page.context().close()
  }
}

/** Each report as it is opened, and the wide light one with all that is folded. */
async function takeReports(): Promise<void> {
  const opened = await openBrowser()
  for (const { name } of examples) {
    for (const look of reportLooks) {
      const { page, complaints } = await openTab(opened, look)
      await page.goto(pathToFileURL(exampleFile(name, 'report.html')).href)
      const title = `report-${name}-${look.width}-${look.scheme}`
      await page.screenshot({ path: join(folder, `${title}.png`), fullPage: true })
      if (look.width === 1600 && look.scheme === 'light') {
        await unfoldAll(page)
        await page.screenshot({ path: join(folder, `${title}-unfolded.png`), fullPage: true })
      }
      process.stdout.write(`${title} ${complaints.join(' | ')}\n`)
      await page.context().close()
    }
  }
  await opened.close()
}

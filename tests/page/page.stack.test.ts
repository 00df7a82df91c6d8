import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, afterEach, describe, expect, test } from 'vitest'
import type { RunFact } from '../../schemas/results.ts'
import { looks, openBrowser, openTab, seriousFindings, type Browser, type Page } from './browser.ts'
import { clock, newReportsDir, newTopics, startReporter, TOKEN, type Reporter, type Topics } from './reporter-host.ts'
import { canaryOf, CLEAN, heartbeat, LOOK_UPS, RAW, storyOf, TABLE, type Story } from './story.ts'

const nowMs = () => clock.nowMs()
/** For what the machine may be slow at. */
const SOON = { timeout: 30_000 }
let stories = 0
const newStory = (plan?: string): Story =>
  storyOf({ name: `story ${stories++}`, fromMs: nowMs(), nowMs, ...(plan === undefined ? {} : { plan }) })

let browser: Browser
let topics: Topics
let reports: ReturnType<typeof newReportsDir>
let reporter: Reporter

beforeAll(async () => {
  browser = await openBrowser()
})
afterAll(async () => {
  await browser.close()
})
beforeEach(async () => {
  topics = newTopics()
  reports = newReportsDir()
  reporter = await startReporter({ topics, reportsDir: reports.path })
})
afterEach(async () => {
  for (const context of browser.contexts()) await context.close()
  await reporter.stop()
  await reports.remove()
})

const OLD = '01999999-0000-7000-8000-000000000001'
const verdictOf = (page: Page) => page.locator('#verdict h1')
const stop = (page: Page, hop: string) => page.locator(`#hops .stop[data-key="${hop}"]`)
const fillOf = (page: Page, hop: string) =>
  page.evaluate(`Number(document.querySelector('#hops .stop[data-key="${hop}"] .pipe').style.getPropertyValue('--fill'))`)

function wholeRun(story: Story, ...found: RunFact[]): RunFact[] {
  return [story.accepted(), ...story.started(), ...story.produced(0, 999), ...story.seen(0, 999), ...found, ...story.ended()]
}

const judged = (count: number) => expect.poll(() => topics.results.filter(({ kind }) => kind === 'run-judged').length, SOON).toBe(count)

const lostAtTable = (story: Story, first: number, last: number) =>
  story.violation({ violation: 'lost', hop: TABLE, ranges: [first, last], partition: 3, offset: 812, actual: 'in no snapshot up to 77' })

describe('a run that is followed', () => {
  test('fills the pipeline hop by hop, and ends in its verdict', async () => {
    const { page, complaints } = await openTab(browser)
    await page.goto(reporter.url)
    await verdictOf(page).getByText('No run yet').waitFor()
    const story = newStory()
    reporter.tell(story.accepted(), ...story.started(), ...story.produced(0, 499), ...story.seen(0, 399, CLEAN), ...story.seen(0, 249))
    await verdictOf(page).getByText('Under way').waitFor()
    await stop(page, TABLE).getByText('250 of 400').waitFor()
    expect(await fillOf(page, 'source')).toBe(0.5)
    expect(await fillOf(page, RAW)).toBe(0.4)
    expect(await fillOf(page, TABLE)).toBe(0.25)
    expect(await stop(page, LOOK_UPS).textContent()).toContain('right, of a sample')

    reporter.tell(...story.produced(500, 999), ...story.seen(250, 999), ...story.ended())
    await verdictOf(page).getByText('Pass').waitFor()
    await page.getByText('All 1,000 acknowledged canaries were found whole at 6 places.').waitFor()
    expect(await fillOf(page, TABLE)).toBe(1)
    await expect.poll(() => page.title(), SOON).toBe('Pass · smoke · Assay')
    expect(await page.locator('#told').textContent()).toContain('Run of smoke: Pass.')
    expect(complaints).toEqual([])
  })

  test('tells what is wrong while it goes on, by place and command', async () => {
    const { page } = await openTab(browser)
    await page.goto(reporter.url)
    const story = newStory()
    const corrupted = story.violation({
      violation: 'corrupted',
      hop: CLEAN,
      field: 'price',
      ranges: [41, 41],
      expected: '17.25',
      actual: '<b>17</b>',
    })
    reporter.tell(...wholeRun(story).slice(0, -2), lostAtTable(story, 990, 999), corrupted)
    await page.getByText(`so far 10 lost at ${TABLE}`).waitFor()
    await stop(page, TABLE).getByText('10 lost').waitFor()
    const found = page.locator('.found-one')
    expect(await found.count()).toBe(2)
    expect(await found.first().textContent()).toContain('in no snapshot up to 77')
    expect(await found.first().locator('code').textContent()).toContain('kcat -b')
    expect(await found.first().textContent()).toContain(canaryOf(story, 990))
    expect(await found.first().getByRole('link').getAttribute('href')).toMatch(/^http:\/\/127\.0\.0\.1:16686\/trace\/[0-9a-f]{32}$/)

    await page.getByRole('button', { name: `1 corrupted at ${CLEAN}` }).click()
    expect(await found.count()).toBe(1)
    expect(await found.first().textContent()).toContain('<b>17</b>')
  })

  test('has a page of its own, with its reports and what was found', async () => {
    const failed = newStory()
    reporter.tell(...wholeRun(failed, lostAtTable(failed, 5, 5)))
    const passed = newStory()
    reporter.tell(...wholeRun(passed))
    const { page, complaints } = await openTab(browser)
    await judged(2)
    await page.goto(`${reporter.url}/runs/latest-failed`)
    expect(new URL(page.url()).pathname).toBe(`/runs/${failed.runId}`)
    await verdictOf(page).getByText('Fail').waitFor()
    await page.locator('.verdict-why').getByText(`1 lost at ${TABLE}`).waitFor()
    expect(await page.locator('.row').count()).toBe(2)

    const answered = page.waitForResponse((response) => response.url().endsWith('report.html'))
    await page.getByRole('link', { name: 'Report', exact: true }).click()
    const response = await answered
    expect(response.headers()).toMatchObject({ 'content-type': 'text/html; charset=utf-8', 'x-content-type-options': 'nosniff' })
    expect(response.headers()['content-security-policy']).toContain('sandbox')
    await page.getByText(failed.runId).first().waitFor()
    expect(complaints).toEqual([])

    await page.goBack()
    await page.locator(`.row a[href="/runs/${passed.runId}"]`).click()
    await verdictOf(page).getByText('Pass').waitFor()
  })

  test('that is not known any more is said to be so, and its reports are still there', async () => {
    const { page, complaints } = await openTab(browser)
    mkdirSync(join(reports.path, OLD))
    writeFileSync(join(reports.path, OLD, 'report.md'), '# an old run')
    await page.goto(`${reporter.url}/runs/${OLD}`)
    await verdictOf(page).getByText('Not known').waitFor()
    await page.getByRole('link', { name: 'Markdown' }).click()
    await page.getByText('# an old run').waitFor()
    expect(complaints).toEqual([])
  })
})

describe('asking', () => {
  async function ask(page: Page, token: string): Promise<void> {
    await page.getByText('Start a run').click()
    await page.getByLabel('Plan').selectOption('smoke')
    await page.getByRole('textbox', { name: 'canaries' }).fill('500')
    await page.locator('#ask').getByLabel('Token').fill(token)
    await page.getByRole('button', { name: 'Start' }).click()
  }

  test('puts a request on the control topic, and shows how it is answered', async () => {
    const { page, complaints } = await openTab(browser)
    await page.goto(reporter.url)
    await ask(page, TOKEN)
    await page.getByText('follow the run').waitFor()
    expect(topics.control.map(({ message }) => message)).toMatchObject([
      {
        kind: 'run-requested',
        plan: 'smoke',
        parameters: { canaries: '500', ratePerSecond: '1000' },
        requestedBy: expect.stringMatching(/^page@/) as string,
      },
    ])
    await page.locator('#requests').getByText('waits for an answer').waitFor()
    const refused = { kind: 'request-refused', agent: 'generator', instance: '0', atMs: nowMs(), excerpt: '' } as const
    reporter.tell({ ...refused, controlOffset: 0, problems: ['load.canaries: too many'] })
    await page.locator('#requests').getByText('refused: load.canaries: too many').waitFor()
    expect(complaints).toEqual([])

    await page.reload()
    await page.getByText('Start a run').click()
    expect(await page.locator('#ask').getByLabel('Token').inputValue()).toBe(TOKEN)
  })

  test('with a wrong token is refused, and the token forgotten', async () => {
    const { page } = await openTab(browser)
    await page.goto(reporter.url)
    await ask(page, 'a guess of sixteen and more')
    await page.getByText('the token is not the one the reporter was started with').waitFor()
    expect(topics.control).toEqual([])
    expect(await page.evaluate('sessionStorage.length')).toBe(0)
  })

  test('ends a run, with a reason that is kept', async () => {
    const story = newStory()
    reporter.tell(story.accepted(), ...story.started(), ...story.produced(0, 99))
    const { page } = await openTab(browser)
    await page.goto(reporter.url)
    await page.getByRole('button', { name: 'Cancel run' }).click()
    await page.getByLabel('Why').fill('the wrong cluster')
    await page.getByRole('dialog').getByLabel('Token').fill(TOKEN)
    await page.getByRole('button', { name: 'Cancel it' }).click()
    await verdictOf(page).getByText('Cancelling').waitFor()
    expect(topics.control.map(({ message }) => message)).toMatchObject([
      { kind: 'run-cancelled', runId: story.runId, reason: 'the wrong cluster' },
    ])
    expect(await page.getByRole('button', { name: 'Cancel run' }).isVisible()).toBe(false)
    reporter.tell(...story.ended({ produce: 'inconclusive' }))
    await verdictOf(page).getByText('Inconclusive').waitFor()
    await page.getByText('cancelled: the wrong cluster').first().waitFor()
  })

  test('is not there without a token', async () => {
    const other = await startReporter({ topics: newTopics(), reportsDir: reports.path, token: null })
    const story = newStory()
    other.tell(story.accepted(), ...story.started())
    const { page } = await openTab(browser)
    await page.goto(other.url)
    await verdictOf(page).getByText('Under way').waitFor()
    expect(await page.getByRole('button').count()).toBe(0)
    expect(await page.getByText('Start a run').count()).toBe(0)
    const response = await page.request.post(`${other.url}/api/runs`, { data: { plan: 'smoke' } })
    expect([response.status(), await response.json()]).toEqual([
      403,
      { problems: ['runs cannot be asked for here: the reporter was started without ASSAY_PAGE_TOKEN'] },
    ])
    await other.stop()
  })
})

test('comes back by itself when the reporter was restarted, with what happened meanwhile', async () => {
  const story = newStory()
  reporter.tell(...wholeRun(story))
  const { page } = await openTab(browser)
  await page.goto(reporter.url)
  await verdictOf(page).getByText('Pass').waitFor()
  await reporter.stop()
  await page.getByRole('status').getByText('link lost').waitFor()
  const later = newStory()
  topics.results.push(...wholeRun(later, lostAtTable(later, 7, 7)))
  reporter = await startReporter({ topics, reportsDir: reports.path, port: reporter.port })
  await page.getByRole('status').getByText('live', { exact: true }).waitFor()
  await verdictOf(page).getByText('Fail').waitFor()
  expect(await page.locator('.row').count()).toBe(2)
})

test('can be used by keyboard alone', async () => {
  const { page } = await openTab(browser)
  await page.goto(reporter.url)
  await page.getByText('Start a run').waitFor()
  await page.keyboard.press('Tab')
  expect(await page.evaluate('document.activeElement.textContent')).toBe('Skip to the verdict')
  await page.keyboard.press('Enter')
  expect(await page.evaluate('document.activeElement.id')).toBe('verdict')
  await page.locator('#ask summary').focus()
  await page.keyboard.press('Enter')
  expect(await page.locator('#ask').getByLabel('Token').isVisible()).toBe(true)
})

describe.each(looks.filter(({ width }) => width !== 768))('at $width pixels, $scheme', (look) => {
  test('axe finds nothing serious, nothing is cut off, and the console is silent', async () => {
    const failed = newStory('smoke-chaos')
    const late = failed.violation({ violation: 'late', hop: TABLE, ranges: [100, 149], actual: '24,812 ms' })
    const steps = [failed.fault('injected'), failed.fault('bit'), failed.fault('healed'), failed.fault('recovered', 6_400)]
    reporter.tell(heartbeat('generator', nowMs()), heartbeat('query-prober', nowMs() - 60_000))
    reporter.tell(...wholeRun(failed, lostAtTable(failed, 5, 9), late, failed.missing(TABLE, 'the catalog was away'), ...steps))
    await judged(1)
    const live = newStory()
    reporter.tell(live.accepted(), ...live.started(), ...live.produced(0, 499), ...live.seen(0, 299))
    const { page, complaints } = await openTab(browser, look)
    for (const [path, word] of [
      ['/', 'Under way'],
      [`/runs/${failed.runId}`, 'Fail'],
    ] as const) {
      await page.goto(`${reporter.url}${path}`)
      await verdictOf(page).getByText(word).waitFor()
      await page.getByText('Start a run').click()
      expect(await seriousFindings(page)).toEqual([])
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(look.width)
    }
    await page.goto(reporter.url)
    await page.getByRole('button', { name: 'Cancel run' }).click()
    expect(await seriousFindings(page)).toEqual([])
    expect(complaints).toEqual([])
  })
})

import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { exampleFile, examples } from '../reports/examples.ts'
import { openBrowser, openTab, reportLooks, seriousFindings, unfoldAll, widestReach, type Browser } from './browser.ts'

/** The reports of real runs, as somebody sees them who opens the file. */
let browser: Browser

beforeAll(async () => {
  browser = await openBrowser()
})
afterAll(async () => {
  await browser.close()
})

describe.each(examples)('the report of $name', ({ name, verdict }) => {
  test.each(reportLooks)('at $width px, $scheme: nothing complains, nothing sticks out, nothing bars anyone', async (look) => {
    const { page, complaints } = await openTab(browser, look)
    await page.goto(pathToFileURL(exampleFile(name, 'report.html')).href)
    expect(await page.getByRole('heading', { level: 1 }).textContent()).toContain(verdict)
    expect(await page.evaluate('matchMedia("(prefers-color-scheme: dark)").matches')).toBe(look.scheme === 'dark')

    expect(await widestReach(page)).toBeLessThanOrEqual(look.width)
    await unfoldAll(page)
    expect(await widestReach(page)).toBeLessThanOrEqual(look.width)
    expect(await seriousFindings(page)).toEqual([])
    expect(complaints).toEqual([])
    await page.context().close()
  })
})

test('a page that complains, sticks out and bars people is told', async () => {
  const { page, complaints } = await openTab(browser, { width: 360, scheme: 'dark' })
  await page.goto('about:blank')
  await page.setContent(
    `<!doctype html><html><head><title>bad</title></head><body style="background: #fff; color: #eee">
      <p style="width: 400px">hard to read</p><script>console.warn('I complain')</script></body></html>`,
  )
  expect(await widestReach(page)).toBeGreaterThan(360)
  expect((await seriousFindings(page)).map((finding) => finding.split(' ')[0]).sort()).toEqual(['color-contrast', 'html-has-lang'])
  expect(complaints).toEqual(['I complain'])
})

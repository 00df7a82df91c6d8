import { AxeBuilder } from '@axe-core/playwright'
import { chromium, type Browser, type Page } from 'playwright-core'
import { programs } from '../live/programs.ts'

export type { Browser, Page } from 'playwright-core'

/** The door to the browser: Debian's Chromium, told to ask nobody for anything. */
export async function openBrowser(): Promise<Browser> {
  const executablePath = await programs.chromium((line) => process.stderr.write(`${line}\n`))
  const quiet = ['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update']
  return chromium.launch({ executablePath, headless: true, args: ['--no-sandbox', '--disable-sync', ...quiet] })
}

export interface Look {
  readonly width: number
  readonly scheme: 'light' | 'dark'
}

/** The widths that have a layout of their own, in both colours. */
export const looks: readonly Look[] = [360, 768, 1600].flatMap((width) => [
  { width, scheme: 'light' as const },
  { width, scheme: 'dark' as const },
])

/** A report has two layouts: narrow and wide. */
export const reportLooks = looks.filter(({ width }) => width !== 768)

export interface Seen {
  readonly page: Page
  /** Errors and warnings of the console, and of the page itself. */
  readonly complaints: string[]
}

/** A tab of its own, with a session of its own. */
export async function openTab(browser: Browser, { width, scheme }: Look = { width: 1280, scheme: 'light' }): Promise<Seen> {
  const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme: scheme, reducedMotion: 'reduce' })
  const page = await context.newPage()
  const complaints: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(error.message))
  return { page, complaints }
}

/** What axe finds serious or critical, one line each. */
export async function seriousFindings(page: Page): Promise<string[]> {
  // The page has no frames of other origins, for which the other mode would open a tab of its own.
  const { violations } = await new AxeBuilder({ page }).setLegacyMode().analyze()
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => `${id} at ${target.join(' ')}: ${failureSummary ?? ''}`))
}

/** How far to the right the page reaches, px: more than its width, and it scrolls sideways. */
export const widestReach = (page: Page): Promise<number> => page.evaluate('document.documentElement.scrollWidth')

/** Opens what is folded: only what is shown can be looked at. */
export const unfoldAll = (page: Page): Promise<void> =>
  page.evaluate('for (const part of document.querySelectorAll("details")) part.open = true')

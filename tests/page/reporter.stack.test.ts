import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startAgents, type Agents } from '../../compose/local/agents.ts'
import { startStack, type Stack } from '../../compose/local/stack.ts'
import { openBrowser, openTab, type Browser } from './browser.ts'
import { TOKEN } from './reporter-host.ts'

/** The reporter as a process of its own, on a real Kafka and a real registry, and no other agent. */
let dir: string
let stack: Stack
let agents: Agents
let browser: Browser

const record = {
  type: 'record',
  name: 'Trade',
  fields: [
    ...['trade_id', 'symbol', 'venue', 'side', 'note'].map((name) => ({ name, type: 'string' })),
    { name: 'traded_at', type: { type: 'long', logicalType: 'timestamp-micros' } },
    { name: 'price', type: { type: 'bytes', logicalType: 'decimal', precision: 18, scale: 6 } },
    { name: 'quantity', type: { type: 'bytes', logicalType: 'decimal', precision: 18, scale: 4 } },
  ],
}

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'assay-page-'))
  const progress = () => undefined
  browser = await openBrowser()
  stack = await startStack({ dir, progress, only: ['kafka', 'registry'] })
  const subject = `${stack.env['PIPELINE_REGISTRY_URL'] ?? ''}/subjects/market.trades.raw-value/versions`
  const headers = { 'content-type': 'application/vnd.schemaregistry.v1+json' }
  const registered = await fetch(subject, { method: 'POST', headers, body: JSON.stringify({ schema: JSON.stringify(record) }) })
  expect(registered.ok).toBe(true)
  agents = await startAgents(stack, ['reporter'], { progress, env: { ASSAY_PAGE_TOKEN: TOKEN } })
})
afterAll(async () => {
  await browser.close()
  await stack.stop()
  await rm(dir, { recursive: true, force: true })
})

test('a run asked for on the page goes over Kafka, is cancelled there, judged, reported, and known after a restart', async () => {
  const url = `http://127.0.0.1:${agents.ports['reporter'] ?? 0}`
  const { page, complaints } = await openTab(browser)
  await page.goto(url)
  await page.getByText('Start a run').click()
  await page.getByLabel('Plan').selectOption('smoke')
  await page.locator('#ask').getByLabel('Token').fill(TOKEN)
  await page.getByRole('button', { name: 'Start' }).click()
  await page.getByText('follow the run').click()
  const runUrl = page.url()
  expect(runUrl).toMatch(/\/runs\/[0-9a-f-]{36}$/)

  const verdict = page.locator('#verdict h1')
  await verdict.getByText('Waiting').waitFor()
  await page.getByRole('button', { name: 'Cancel run' }).click()
  await page.getByLabel('Why').fill('nobody else is here')
  await page.getByRole('button', { name: 'Cancel it' }).click()
  await verdict.getByText('Inconclusive').waitFor()
  await page.getByText('cancelled: nobody else is here').first().waitFor()
  await page.locator('.row').getByText('Inconclusive').waitFor()
  expect(complaints).toEqual([])

  const report = await page.request.get(`${runUrl}/report.json`)
  expect([report.status(), ((await report.json()) as { verdict: string }).verdict]).toEqual([200, 'inconclusive'])

  await stack.stopProcess('reporter', 'SIGKILL')
  await page.getByRole('status').getByText('link lost').waitFor()
  await agents.startAgent('reporter')
  await page.getByRole('status').getByText('live', { exact: true }).waitFor()
  await verdict.getByText('Inconclusive').waitFor()
  await page.reload()
  await page.getByText('cancelled: nobody else is here').first().waitFor()
})

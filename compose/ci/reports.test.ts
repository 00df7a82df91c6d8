import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { collectReports } from './reports.ts'

let dir: string
const page = createServer((request, response) => {
  if (request.url === '/assay/runs/r1/report.xml') response.end('<testsuites/>')
  else response.writeHead(404).end()
})
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'assay-ci-'))
  await new Promise<void>((resolve) => page.listen(0, '127.0.0.1', resolve))
})
afterEach(async () => {
  await new Promise((resolve) => page.close(resolve))
  await rm(dir, { recursive: true, force: true })
})

test('reports are copied where they lie here, fetched where the reporter shows them, and missed aloud', async () => {
  await writeFile(join(dir, 'report.md'), '# pass')
  const reports = [join(dir, 'report.md'), '/elsewhere/r1/report.xml', '/elsewhere/r1/report.json']
  const reporterUrl = `http://127.0.0.1:${(page.address() as AddressInfo).port}/assay/`
  const notes: string[] = []
  const reportDir = join(dir, 'kept/here')
  const kept = await collectReports({ runId: 'r1', reports }, { reportDir, reporterUrl }, (line) => void notes.push(line))
  expect(kept).toEqual([join(reportDir, 'report.md'), join(reportDir, 'report.xml')])
  expect(await Promise.all(kept.map((path) => readFile(path, 'utf8')))).toEqual(['# pass', '<testsuites/>'])
  expect(notes).toEqual([expect.stringMatching(/report\.json was not kept: .*\/runs\/r1\/report\.json answered 404/)])
})

test('without the address of a page, a report on another machine is missed', async () => {
  const notes: string[] = []
  const to = { reportDir: join(dir, 'kept'), reporterUrl: null }
  expect(await collectReports({ runId: 'r1', reports: ['/elsewhere/report.md'] }, to, (line) => void notes.push(line))).toEqual([])
  expect(notes.join()).toContain('no reporter-url was given')
})

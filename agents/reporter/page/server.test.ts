import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { configOf } from '../../../shared/core/played-core.fixture.ts'
import { foldWorks, initWorks } from '../../../shared/core/run-work.ts'
import { cleanFacts, RUN, told, topology } from '../../../shared/core/told-run.fixture.ts'
import { createLog } from '../../../shared/runtime/log.ts'
import { createPage, type Page } from './page.ts'

const TOKEN = 'sixteen and more letters'
const OTHER = '01999999-0000-7000-8000-000000000002'
const SECRET = 'what lies beside the reports'
let folder = ''
let page: Page

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'assay-page-server-'))
  const reportsDir = join(folder, 'reports')
  for (const runId of [RUN, OTHER]) mkdirSync(join(reportsDir, runId), { recursive: true })
  writeFileSync(join(folder, 'secret.txt'), SECRET)
  writeFileSync(join(reportsDir, 'secret.txt'), SECRET)
  for (const file of ['report.html', 'report.md', 'report.xml', 'artefacts.tar.gz', '.hidden', 'report.json.part'])
    writeFileSync(join(reportsDir, RUN, file), `this is ${file}`)
  symlinkSync(join(folder, 'secret.txt'), join(reportsDir, RUN, 'link.txt'))
  const clock = { nowMs: () => 1_000, every: () => () => undefined }
  const bus = { request: () => Promise.resolve({ offset: 3 }), publish: () => undefined, flush: () => Promise.resolve(true) }
  const log = createLog({ agent: 'reporter', instance: '0', level: 'silent' })
  page = await createPage({ agent: { clock, bus, log }, topology, plans: new Map(), reportsDir, pageToken: TOKEN, jaegerUi: null })
  const works = initWorks(configOf('reporter'))
  for (const fact of [
    ...cleanFacts(),
    told('violation-found'),
    told('run-judged', { verdict: 'fail', reports: [`/elsewhere/${RUN}/report.html`] }),
  ]) {
    foldWorks(works, { type: 'fact', fact })
    page.onStep({ type: 'fact', fact }, works)
  }
})
afterAll(async () => {
  await page.close()
  rmSync(folder, { recursive: true, force: true })
})

const get = (url: string) => page.inject({ method: 'GET', url })

describe('the page’s server', () => {
  test.each(['/', `/runs/${RUN}`, '/runbooks'])('serves %s under a policy that lets nothing in', async (url) => {
    const { statusCode, headers, body } = await get(url)
    expect([statusCode, headers['content-type']]).toEqual([200, 'text/html; charset=utf-8'])
    expect(String(headers['content-security-policy']).split(';').sort()).toEqual(
      [
        "base-uri 'none'",
        "connect-src 'self'",
        "default-src 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "img-src 'self'",
        "require-trusted-types-for 'script'",
        "script-src 'self'",
        "style-src 'self'",
      ].sort(),
    )
    expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer', 'x-frame-options': 'DENY' })
    expect(body).not.toMatch(/<script(?![^>]*src=)|<style|\sstyle=|\son[a-z]+=/)
  })

  test.each([
    { file: 'report.html', type: 'text/html; charset=utf-8', attached: false },
    { file: 'report.md', type: 'text/plain; charset=utf-8', attached: false },
    { file: 'report.xml', type: 'application/xml; charset=utf-8', attached: false },
    { file: 'artefacts.tar.gz', type: 'application/octet-stream', attached: true },
  ])('serves $file as $type, in a sandbox', async ({ file, type, attached }) => {
    const { statusCode, headers, body } = await get(`/runs/${RUN}/${file}`)
    expect([statusCode, headers['content-type'], body]).toEqual([200, type, `this is ${file}`])
    expect(headers['content-security-policy']).toMatch(/^default-src 'none'; style-src 'unsafe-inline'; .*sandbox(?!.*allow-scripts)/)
    expect('content-disposition' in headers).toBe(attached)
  })

  test.each([
    `/runs/${RUN}/link.txt`,
    `/runs/${RUN}/.hidden`,
    `/runs/${RUN}/none.html`,
    `/runs/${RUN}/../secret.txt`,
    `/runs/${RUN}/..%2fsecret.txt`,
    `/runs/${RUN}/%2e%2e%2f%2e%2e%2fsecret.txt`,
    `/runs/..%2f${RUN}/report.md`,
    '/runs/../secret.txt',
    '/runs/reports/secret.txt',
    '/page/../server.ts',
    '/page/%2e%2e/server.ts',
    '/page/tsconfig.json/../../server.ts',
    '/server.ts',
  ])('does not serve %s', async (url) => {
    expect((await get(url)).statusCode).toBeGreaterThanOrEqual(400)
  })

  test('gives away nothing beside the reports, whatever is asked for', async () => {
    const part = fc.oneof(
      fc.constantFrom('..', '.', '%2e%2e', '%2f', '%5c', '%00', 'secret.txt', 'reports', RUN, '/', '\\', '%252e%252e'),
      fc.webSegment(),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(part, { maxLength: 6 }), fc.constantFrom('/', ''), async (parts, glue) => {
        const { body } = await get(`/runs/${RUN}/${parts.join(glue)}`)
        expect(body).not.toContain(SECRET)
      }),
      { numRuns: 200 },
    )
  })

  test('tells runs as JSON, with their violations and files', async () => {
    expect((await get('/api/runs')).json()).toMatchObject({ runs: [{ runId: RUN, verdict: 'fail' }] })
    expect((await get(`/api/runs/${RUN}`)).json()).toMatchObject({
      run: { runId: RUN, verdict: 'fail' },
      violations: { canaries: 1, listed: [{ kind: 'lost' }] },
      files: ['artefacts.tar.gz', 'link.txt', 'report.html', 'report.md', 'report.xml'],
    })
    const unknown = await get(`/api/runs/${OTHER}`)
    expect([unknown.statusCode, unknown.json()]).toEqual([404, { problems: [`run ${OTHER} is not among those known`], files: [] }])
    expect((await get(`/api/runs/${OTHER}/files`)).json()).toEqual({ isKnown: false, files: [] })
    expect((await get('/runs/latest-failed')).headers.location).toBe(`/runs/${RUN}`)
    expect((await get('/events?run=nonsense')).statusCode).toBe(400)
  })

  test('links no reports that were removed', async () => {
    const linked = async () => ((await get(`/api/runs/${RUN}`)).json() as { run: { reports: string[] } }).run.reports
    expect(await linked()).toEqual(['report.html'])
    const folderOf = (name: string) => join(folder, 'reports', name)
    renameSync(folderOf(RUN), folderOf('gone'))
    expect(await linked()).toEqual([])
    renameSync(folderOf('gone'), folderOf(RUN))
  })

  const post = (url: string, body: string, headers: Record<string, string> = {}) =>
    page.inject({
      method: 'POST',
      url,
      payload: body,
      headers: { 'content-type': 'application/json', authorization: `Bearer ${TOKEN}`, ...headers },
    })

  test.each([
    { what: 'a run that is over', url: `/api/runs/${RUN}/cancel`, body: '{}', headers: {}, status: 409 },
    { what: 'a run nobody knows', url: `/api/runs/${OTHER}/cancel`, body: '{}', headers: {}, status: 404 },
    { what: 'a plan nobody ships', url: '/api/runs', body: '{"plan":"x"}', headers: {}, status: 400 },
    { what: 'what is no JSON', url: '/api/runs', body: '{', headers: {}, status: 400 },
    { what: 'what a form would send', url: '/api/runs', body: 'plan=x', headers: { 'content-type': 'text/plain' }, status: 415 },
    { what: 'too much', url: '/api/runs', body: `{"plan":"${'x'.repeat(70_000)}"}`, headers: {}, status: 413 },
    { what: 'without the token', url: '/api/runs', body: '{"plan":"x"}', headers: { authorization: '' }, status: 401 },
  ])('refuses $what with $status', async ({ url, body, headers, status }) => {
    const { statusCode, json } = await post(url, body, headers)
    expect(statusCode).toBe(status)
    expect((json() as { problems: string[] }).problems[0]).toMatch(/\w/)
  })
})

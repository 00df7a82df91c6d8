import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { createRestCatalog } from './rest-catalog.ts'

type Answers = Record<string, { status: number; body: string }>

let server: Server | null = null
afterEach(() => {
  server?.closeAllConnections()
  server?.close()
})

async function serve(answers: Answers): Promise<{ url: string; asked: string[] }> {
  const asked: string[] = []
  const started = createServer((request, response) => {
    const path = request.url ?? ''
    asked.push(`${path} ${request.headers.authorization ?? ''}`.trim())
    const answer = answers[path] ?? { status: 404, body: '{"error":{"message":"no such thing"}}' }
    response.writeHead(answer.status).end(answer.body)
  })
  server = started
  await new Promise<void>((resolve) => started.listen(0, '127.0.0.1', resolve))
  return { url: `http://127.0.0.1:${(started.address() as AddressInfo).port}`, asked }
}

const table =
  '{"metadata-location":"s3://w/m.json","metadata":{"format-version":2,"table-uuid":"u","location":"s3://w/t","current-snapshot-id":8736928765648536223}}'
const plainConfig = { status: 200, body: '{"defaults":{},"overrides":{}}' }

test('a table is loaded with its ids whole, and afresh each time', async () => {
  const { url, asked } = await serve({ '/v1/config': plainConfig, '/v1/namespaces/market/tables/trades': { status: 200, body: table } })
  const catalog = createRestCatalog({ url: `${url}/`, timeoutMs: 2000, token: 'secret' })
  const loaded = await catalog.loadTable({ namespace: 'market', table: 'trades' })
  expect(loaded).toMatchObject({ metadataLocation: 's3://w/m.json', metadata: { currentSnapshotId: 8736928765648536223n } })
  await catalog.loadTable({ namespace: 'market', table: 'trades' })
  const load = '/v1/namespaces/market/tables/trades Bearer secret'
  expect(asked).toEqual(['/v1/config Bearer secret', load, load])
})

test('of a long list of snapshots, those alone can be asked for that a branch or tag names', async () => {
  const path = '/v1/namespaces/market/tables/trades?snapshots=refs'
  const { url, asked } = await serve({ '/v1/config': plainConfig, [path]: { status: 200, body: table } })
  const { metadata } = await createRestCatalog({ url, timeoutMs: 2000 }).loadTable(
    { namespace: 'market', table: 'trades' },
    { snapshots: 'refs' },
  )
  expect(metadata).toMatchObject({ currentSnapshotId: 8736928765648536223n, snapshots: [] })
  expect(asked).toEqual(['/v1/config', path])
})

test('prefix and namespace separator of the catalog are honoured, overrides before defaults', async () => {
  const config = '{"defaults":{"prefix":"no"},"overrides":{"prefix":"ws/one","namespace-separator":"%2E"}}'
  const { url } = await serve({
    '/v1/config': { status: 200, body: config },
    '/v1/ws/one/namespaces/a%2Eb%20c/tables/t': { status: 200, body: table },
  })
  await expect(createRestCatalog({ url, timeoutMs: 2000 }).loadTable({ namespace: 'a.b c', table: 't' })).resolves.toBeDefined()
})

test.each([
  { title: 'a table it does not know', answer: undefined, code: 'TABLE_MISSING', retryable: true },
  { title: 'an error of its own', answer: { status: 503, body: 'later' }, code: 'CATALOG_UNAVAILABLE', retryable: true },
  { title: 'a page that is no JSON', answer: { status: 200, body: '<html>' }, code: 'METADATA_BROKEN', retryable: false },
  {
    title: 'metadata without a location',
    answer: { status: 200, body: '{"metadata":{"format-version":2}}' },
    code: 'METADATA_BROKEN',
    retryable: false,
  },
])('the catalog answers with $title: $code', async ({ answer, code, retryable }) => {
  const { url } = await serve({
    '/v1/config': plainConfig,
    ...(answer === undefined ? {} : { '/v1/namespaces/market/tables/trades': answer }),
  })
  const load = createRestCatalog({ url, timeoutMs: 2000 }).loadTable({ namespace: 'market', table: 'trades' })
  await expect(load).rejects.toMatchObject({ code, retryable })
})

test('a catalog that was away when first asked is asked again', async () => {
  const answers: Answers = {
    '/v1/config': { status: 503, body: 'starting' },
    '/v1/namespaces/market/tables/trades': { status: 200, body: table },
  }
  const { url } = await serve(answers)
  const catalog = createRestCatalog({ url, timeoutMs: 2000 })
  await expect(catalog.loadTable({ namespace: 'market', table: 'trades' })).rejects.toMatchObject({ code: 'CATALOG_UNAVAILABLE' })
  answers['/v1/config'] = plainConfig
  await expect(catalog.loadTable({ namespace: 'market', table: 'trades' })).resolves.toBeDefined()
})

test('a catalog nobody runs is CATALOG_UNAVAILABLE with the reason', async () => {
  const { url } = await serve({})
  server?.closeAllConnections()
  await new Promise((resolve) => server?.close(resolve))
  await expect(createRestCatalog({ url, timeoutMs: 2000 }).loadTable({ namespace: 'a', table: 'b' })).rejects.toMatchObject({
    code: 'CATALOG_UNAVAILABLE',
    message: expect.stringContaining('ECONNREFUSED') as string,
  })
})

import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text as bodyOf } from 'node:stream/consumers'
import { afterEach, expect, test } from 'vitest'
import { createRegistry, type Registry } from './registry.ts'

let server: Server | null = null
afterEach(() => {
  server?.closeAllConnections()
  server?.close()
})

async function registryOf(listener: RequestListener): Promise<Registry> {
  const started = createServer(listener)
  server = started
  await new Promise<void>((listening) => started.listen(0, '127.0.0.1', listening))
  return createRegistry(`http://127.0.0.1:${(started.address() as AddressInfo).port}`)
}

/** A registry that answers every question alike. */
const answering = (status: number, body: string) => registryOf((_, response) => void response.writeHead(status).end(body))

test('a schema is an object, the bare name of a type as well', async () => {
  expect(await (await answering(200, '{"schema":"\\"string\\""}')).schemaById(7)).toEqual({ type: 'string' })
})

test.each<[what: string, status: number, body: string, code: string]>([
  ['is not known', 404, '{"error_code":40403}', 'SCHEMA_UNKNOWN'],
  ['is of another kind', 200, '{"schemaType":"PROTOBUF","schema":"syntax = \\"proto3\\";"}', 'INPUT_INVALID'],
  ['is not told', 200, '{}', 'REGISTRY_UNAVAILABLE'],
  ['cannot be told now', 500, 'leader away', 'REGISTRY_UNAVAILABLE'],
  ['is told as no JSON', 200, '<html>', 'REGISTRY_UNAVAILABLE'],
])('a schema that %s', async (...[, status, body, code]) => {
  await expect((await answering(status, body)).schemaById(7)).rejects.toMatchObject({ code })
})

const older = '{"type":"record","name":"Trade","fields":[]}'
/** As somebody wrote it by hand: a registry may know it by these very characters. */
const newer = '{ "type": "record",\n  "name": "Trade", "fields": [{ "name": "note", "type": ["null", "string"], "default": null }] }'
const versions = [
  { id: 4, schema: older },
  { id: 9, schema: newer },
]

/** A registry whose one subject has both versions. */
const withVersions = () =>
  registryOf((request, response) => {
    const answer = (status: number, body: object) => response.writeHead(status).end(JSON.stringify(body))
    if (request.url === '/subjects/raw-value/versions/latest') answer(200, versions[1] as object)
    else if (request.method !== 'POST' || request.url !== '/subjects/raw-value') answer(404, { error_code: 40401 })
    else
      void bodyOf(request).then((body) => {
        const found = versions.find(({ schema }) => schema === (JSON.parse(body) as { schema: string }).schema)
        if (found === undefined) answer(404, { error_code: 40403 })
        else answer(200, found)
      })
  })

test('gives the newest schema in its own text', async () => {
  expect(await (await withVersions()).latest('raw-value')).toEqual({ id: 9, text: newer })
})

test('finds each schema that a subject has or had, by its text', async () => {
  const registry = await withVersions()
  expect([await registry.idOf('raw-value', older), await registry.idOf('raw-value', newer)]).toEqual([4, 9])
})

test.each([
  ['the subject', 'raw-value', '{"type":"record","name":"Other","fields":[]}'],
  ['anybody', 'no-such-value', older],
])('names a schema that is not one of %s', async (_whose, subject, text) => {
  await expect((await withVersions()).idOf(subject, text)).rejects.toMatchObject({
    code: 'SCHEMA_UNKNOWN',
    message: `subject ${subject} does not have this schema, or no longer: ${text}`,
  })
})

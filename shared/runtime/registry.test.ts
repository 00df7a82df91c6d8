import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { createRegistry } from './registry.ts'

let server: Server | null = null
afterEach(() => {
  server?.closeAllConnections()
  server?.close()
})

/** A registry that answers every question alike. */
async function answering(status: number, body: string) {
  const started = createServer((_, response) => {
    response.writeHead(status).end(body)
  })
  server = started
  await new Promise<void>((resolve) => started.listen(0, '127.0.0.1', resolve))
  return createRegistry(`http://127.0.0.1:${(started.address() as AddressInfo).port}`)
}

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

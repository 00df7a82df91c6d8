import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { getJson } from './endpoint.ts'

test('an answer without end is read no further than its limit', async () => {
  const server = createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    const more = () => {
      while (!response.destroyed && response.write(' '.repeat(65_536))) continue
      response.once('drain', more)
    }
    more()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  try {
    const asked = { headers: {}, timeoutMs: 10_000, signal: new AbortController().signal }
    expect(await getJson(`http://127.0.0.1:${port}/`, asked)).toEqual({
      status: null,
      body: undefined,
      error: 'an answer of more than 1000000 bytes',
    })
  } finally {
    server.closeAllConnections()
    server.close()
  }
})

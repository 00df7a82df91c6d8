import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { freePorts, isFree } from './ports.ts'
import { brokerAnswers, brokerCount } from './probes.ts'

function metadataResponse(brokers: number): Buffer {
  const response = Buffer.alloc(12)
  response.writeInt32BE(8, 0)
  response.writeInt32BE(1, 4)
  response.writeInt32BE(brokers, 8)
  return response
}

test('a metadata response is counted only once enough of it has arrived', () => {
  expect(brokerCount(metadataResponse(3).subarray(0, 11))).toBeUndefined()
  expect(brokerCount(metadataResponse(3))).toBe(3)
})

test.each([
  { brokers: 0, answer: { not: 'the broker is not registered yet' } },
  { brokers: 1, answer: 'ok' },
])('a broker that names $brokers brokers', async ({ brokers, answer }) => {
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', () => socket.write(metadataResponse(brokers)))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  expect(await isFree(port)).toBe(false)
  expect(await brokerAnswers(port)).toEqual(answer)
  await new Promise((resolve) => server.close(resolve))
  expect(await brokerAnswers(port)).toMatchObject({ not: expect.stringContaining('ECONNREFUSED') as string })
})

test('ports handed out together differ', async () => {
  expect(new Set(await freePorts(20)).size).toBe(20)
})

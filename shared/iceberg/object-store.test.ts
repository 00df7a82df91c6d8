import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createObjectStore } from './object-store.ts'
import type { ObjectStore } from './object-store.ts'

const content = Buffer.alloc(300_000, 'assay')
let folder: string
let server: Server
let store: ObjectStore
let answer: (response: ServerResponse, path: string) => void

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'assay-objects-'))
  server = createServer((request, response) => {
    answer(response, (request.url ?? '').split('?', 1)[0] ?? '')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  store = createObjectStore({ endpoint, region: 'us-east-1', accessKeyId: 'a', secretAccessKey: 'b', timeoutMs: 2000 })
})

afterEach(async () => {
  store.close()
  server.closeAllConnections()
  server.close()
  await rm(folder, { recursive: true })
})

const whole = (response: ServerResponse) => response.writeHead(200, { 'content-length': content.length }).end(content)
const missing = (response: ServerResponse) =>
  response.writeHead(404, { 'content-type': 'application/xml' }).end('<Error><Code>NoSuchKey</Code></Error>')
const cutShort = (response: ServerResponse) => {
  response.writeHead(200, { 'content-length': content.length })
  response.write(content.subarray(0, 1000), () => response.destroy())
}

test('an object is read, measured and downloaded whole, by path-style address', async () => {
  const asked: string[] = []
  answer = (response, path) => {
    asked.push(path)
    whole(response)
  }
  const path = join(folder, 'file.parquet')
  expect(Buffer.from(await store.get('s3://bucket/a/b c.avro'))).toEqual(content)
  expect(await store.head('s3a://bucket/a')).toEqual({ sizeBytes: content.length })
  expect(await store.downloadTo('s3://bucket/a', path)).toBe(content.length)
  expect(await readFile(path)).toEqual(content)
  expect(asked).toEqual(['/bucket/a/b%20c.avro', '/bucket/a', '/bucket/a'])
})

test('an object that is not there is OBJECT_MISSING, and null for head', async () => {
  answer = missing
  await expect(store.get('s3://bucket/gone')).rejects.toMatchObject({
    code: 'OBJECT_MISSING',
    message: expect.stringContaining('s3://bucket/gone') as string,
  })
  expect(await store.head('s3://bucket/gone')).toBeNull()
})

test('a download that breaks off leaves no file behind and is retryable', async () => {
  answer = cutShort
  await expect(store.downloadTo('s3://bucket/a', join(folder, 'file'))).rejects.toMatchObject({
    code: 'OBJECT_STORE_UNAVAILABLE',
    retryable: true,
  })
  await expect(store.get('s3://bucket/a')).rejects.toMatchObject({ code: 'OBJECT_STORE_UNAVAILABLE' })
  expect(await readdir(folder)).toEqual([])
})

test('a refusal is OBJECT_STORE_UNAVAILABLE and tells the status, never "missing"', async () => {
  answer = (response) => response.writeHead(403).end()
  await expect(store.head('s3://bucket/a')).rejects.toMatchObject({
    code: 'OBJECT_STORE_UNAVAILABLE',
    message: expect.stringContaining('403') as string,
  })
})

test('a location that is not in an object store is METADATA_BROKEN', async () => {
  await expect(store.get('file:///etc/hosts')).rejects.toMatchObject({ code: 'METADATA_BROKEN' })
})

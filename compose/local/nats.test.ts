import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { expect, test } from 'vitest'
import { natsServer } from './nats.ts'
import { natsWishOf } from './nats-wish.ts'

const notes: string[] = []
const note = (line: string) => notes.push(line)

test.each([
  [{ nats: false, noNats: false }, 'if-found'],
  [{ nats: true, noNats: false }, 'always'],
  [{ nats: false, noNats: true }, 'never'],
  [{ nats: true, noNats: true }, undefined],
])('%o is %s', (flags, wish) => {
  expect(natsWishOf(flags)).toBe(wish)
})

test('a server on PATH is used unless told otherwise', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'assay-nats-'))
  try {
    const server = join(folder, 'nats-server')
    writeFileSync(server, '')
    const path = ['/nowhere', folder].join(delimiter)
    expect(await natsServer('if-found', path, note)).toBe(server)
    expect(await natsServer('always', path, note)).toBe(server)
    expect(await natsServer('never', path, note)).toBeNull()
    expect(notes).toEqual([])
  } finally {
    rmSync(folder, { recursive: true })
  }
})

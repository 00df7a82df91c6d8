import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { isInstalled, sumsKey } from './cache.ts'
import { compareSums, describeSumProblem, readPinnedSums, sumsOf } from './checksums.ts'
import { COMPONENTS } from './components.ts'

const A = 'a'.repeat(64)
const B = 'b'.repeat(64)

test.each([
  { name: 'equal sums are no problem', pinned: { x: A }, actual: { x: A }, problems: [] },
  {
    name: 'a changed file is named with both sums',
    pinned: { x: A },
    actual: { x: B },
    problems: [{ kind: 'changed', file: 'x', expected: A, actual: B }],
  },
  { name: 'a file too many is named', pinned: {}, actual: { y: B }, problems: [{ kind: 'extra', file: 'y', actual: B }] },
  { name: 'a file that is not there is named', pinned: { x: A }, actual: {}, problems: [{ kind: 'missing', file: 'x', expected: A }] },
])('$name', ({ pinned, actual, problems }) => {
  expect(compareSums(pinned, actual)).toEqual(problems)
})

test('a problem is told with the file, what was expected and what was there', () => {
  expect(describeSumProblem({ kind: 'changed', file: 'x.jar', expected: A, actual: B })).toBe(`x.jar: sha256 expected ${A}, was ${B}`)
})

test('every component is pinned, those of native code for each platform', () => {
  const pinned = readPinnedSums(join(import.meta.dirname, 'checksums.json'))
  const platforms = ['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64']
  const keys = new Set(COMPONENTS.flatMap((component) => platforms.map((platform) => sumsKey(component, platform))))
  expect(Object.keys(pinned).sort()).toEqual([...keys].sort())
})

let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'assay-checksums-'))
})
afterEach(() => rm(folder, { recursive: true }))

test('sums cover folders within folders', async () => {
  await mkdir(join(folder, 'lib'))
  await writeFile(join(folder, 'lib', 'empty'), '')
  expect(await sumsOf(folder)).toEqual({ 'lib/empty': 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855' })
})

test('a component counts as installed only by a marker of the same sums and files of the recorded sizes', async () => {
  const sums = { 'x.jar': A }
  expect(await isInstalled(folder, sums)).toBe(false)
  await writeFile(join(folder, 'x.jar'), 'four')
  await writeFile(join(folder, 'assay-verified.json'), JSON.stringify({ sums, sizes: { 'x.jar': 4 } }))
  expect(await isInstalled(folder, sums)).toBe(true)
  expect(await isInstalled(folder, { 'x.jar': B })).toBe(false)
  await writeFile(join(folder, 'x.jar'), 'truncated?')
  expect(await isInstalled(folder, sums)).toBe(false)
  await rm(join(folder, 'x.jar'))
  expect(await isInstalled(folder, sums)).toBe(false)
})

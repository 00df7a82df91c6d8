import { createHash } from 'node:crypto'
import { createReadStream, readFileSync } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { z } from 'zod'

/** sha256 in hex by file name. */
export type Sums = Readonly<Record<string, string>>

const SumsFile = z.record(z.string(), z.record(z.string(), z.string().regex(/^[0-9a-f]{64}$/)))

/** `checksums.json`: sums of every downloaded file, by component folder. A platform-bound component has one entry a platform. */
export function readPinnedSums(path: string): Readonly<Record<string, Sums>> {
  return SumsFile.parse(JSON.parse(readFileSync(path, 'utf8')))
}

export type SumProblem =
  | { kind: 'changed'; file: string; expected: string; actual: string }
  | { kind: 'extra'; file: string; actual: string }
  | { kind: 'missing'; file: string; expected: string }

/** Every way in which what was downloaded is not what was pinned; empty when it is. */
export function compareSums(pinned: Sums, actual: Sums): SumProblem[] {
  const problems: SumProblem[] = []
  for (const [file, expected] of Object.entries(pinned)) {
    const sum = actual[file]
    if (sum === undefined) problems.push({ kind: 'missing', file, expected })
    else if (sum !== expected) problems.push({ kind: 'changed', file, expected, actual: sum })
  }
  for (const [file, sum] of Object.entries(actual)) {
    if (pinned[file] === undefined) problems.push({ kind: 'extra', file, actual: sum })
  }
  return problems
}

export function describeSumProblem(problem: SumProblem): string {
  switch (problem.kind) {
    case 'changed':
      return `${problem.file}: sha256 expected ${problem.expected}, was ${problem.actual}`
    case 'extra':
      return `${problem.file}: not among the pinned files (sha256 ${problem.actual})`
    case 'missing':
      return `${problem.file}: pinned (sha256 ${problem.expected}), but not downloaded`
  }
}

/** Paths of all files under a folder, relative to it, with `/`, sorted. */
export async function filesUnder(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .sort()
}

export async function sumsOf(folder: string): Promise<Sums> {
  const sums: Record<string, string> = {}
  for (const file of await filesUnder(folder)) {
    const hash = createHash('sha256')
    await pipeline(createReadStream(join(folder, file)), hash)
    sums[file] = hash.digest('hex')
  }
  return sums
}

export async function sizesOf(folder: string): Promise<Record<string, number>> {
  const sizes: Record<string, number> = {}
  for (const file of await filesUnder(folder)) sizes[file] = (await stat(join(folder, file))).size
  return sizes
}

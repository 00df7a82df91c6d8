import { existsSync, readFileSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { stripTypeScriptTypes } from 'node:module'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parse, type Program } from 'acorn'
import { convert } from 'ast-v8-to-istanbul'
import { z } from 'zod'
import { addStatements, type LineCoverage } from './line-coverage.ts'

const statements = z.object({
  statementMap: z.record(z.string(), z.object({ start: z.object({ line: z.int() }) })),
  s: z.record(z.string(), z.int()),
})
const istanbul = z.record(z.string(), statements)

/** What vitest measured in its own processes: its `coverage-final.json`. */
export function readVitestCoverage(root: string, file: string): LineCoverage {
  const coverage: LineCoverage = new Map()
  if (!existsSync(file)) return coverage
  for (const [path, measured] of Object.entries(istanbul.parse(JSON.parse(readFileSync(file, 'utf8')))))
    addStatements(coverage, relative(root, path), measured)
  return coverage
}

/** What Node wrote for each process that ended in an orderly way, with `NODE_V8_COVERAGE` in its environment. */
export async function readProcessCoverage(root: string, folder: string, belongs: (file: string) => boolean): Promise<LineCoverage> {
  const coverage: LineCoverage = new Map()
  if (!existsSync(folder)) return coverage
  const sourceOf = sources()
  for (const name of await readdir(folder)) {
    const { result } = processCoverage.parse(JSON.parse(await readFile(join(folder, name), 'utf8')))
    for (const script of result) {
      if (!script.url.startsWith('file://') || !script.url.endsWith('.ts')) continue
      const file = relative(root, fileURLToPath(script.url))
      if (!belongs(file)) continue
      const measured = istanbul.parse(await convert({ ...sourceOf(script.url), coverage: script, wrapperLength: 0 }))
      for (const one of Object.values(measured)) addStatements(coverage, file, one)
    }
  }
  return coverage
}

const range = z.object({ startOffset: z.int(), endOffset: z.int(), count: z.int() })
const processCoverage = z.object({
  result: z.array(
    z.object({
      scriptId: z.string(),
      url: z.string(),
      functions: z.array(z.object({ functionName: z.string(), ranges: z.array(range), isBlockCoverage: z.boolean() })),
    }),
  ),
})

interface Source {
  readonly code: string
  readonly ast: Program
}

/** Node runs TypeScript with its types blanked out: every position is that of the source. */
function sources(): (url: string) => Source {
  const known = new Map<string, Source>()
  return (url) => {
    let source = known.get(url)
    if (source === undefined) {
      const code = stripTypeScriptTypes(readFileSync(fileURLToPath(url), 'utf8'))
      source = { code, ast: parse(code, { ecmaVersion: 'latest', sourceType: 'module', locations: true, allowHashBang: true }) }
      known.set(url, source)
    }
    return source
  }
}

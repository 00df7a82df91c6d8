import ts from 'typescript'
import { importsOf, textRules, type Import } from './source-text.ts'
import { allowances, bannedPaths, doorways, mayImport, pureFolders, topLevel, upward } from './tidy-tables.ts'

/** House rules that lint cannot hold. A problem names the file, what is wrong and what to do instead. */

export const FILE_LINES_MAX = 300
const agentFiles = ['core.ts', 'core.test.ts', 'shell.ts', 'metrics.ts', 'main.ts', 'README.md'] as const

export const isTest = (path: string) => path.endsWith('.test.ts')

/** Problems of one TypeScript file by itself. */
export function problemsOf(path: string, text: string): string[] {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)
  const problems: string[] = []
  const lines = text.split('\n').length - (text.endsWith('\n') ? 1 : 0)
  if (lines > FILE_LINES_MAX && !isTest(path)) {
    problems.push(`${path} has ${lines} lines, at most ${FILE_LINES_MAX}: split it by what changes together`)
  }
  for (const [pattern, instead] of bannedPaths) if (pattern.test(path)) problems.push(`${path} is a banned name: ${instead}`)
  for (const { rule, line, instead } of textRules(source)) {
    if (!isAllowed(rule, path)) problems.push(`${path}:${line} ${rule}: ${instead}`)
  }
  for (const imported of importsOf(source)) {
    const problem = foreignProblem(path, imported) ?? directionProblem(path, imported)
    if (problem !== null) problems.push(`${path}:${imported.line} ${problem}`)
  }
  return problems
}

function isAllowed(rule: string, path: string): boolean {
  return allowances.some((allowance) => allowance.rule === rule && allowance.where.test(path))
}

/** Each foreign library has one door; types count too, else its shapes spread. */
function foreignProblem(path: string, { specifier }: Import): string | null {
  if (specifier.startsWith('.')) return null
  const side = path.startsWith('compose/reference/') ? 'reference' : 'assay'
  for (const { library, assay, reference } of doorways) {
    if (!library.test(specifier)) continue
    const doors: readonly string[] = { assay, reference }[side]
    if (doors.includes(path)) return null
    return `imports ${specifier}: ${doors.length === 0 ? 'nothing here needs it' : `go through ${doors.join(' or ')}`}`
  }
  return null
}

/** schemas ← topology ← shared ← loadgen, compose ← agents ← tests; agents meet only on topics. */
function directionProblem(path: string, { target }: Import): string | null {
  if (target === null) return null
  if (path.startsWith('compose/reference/') && !target.startsWith('compose/reference/')) {
    return `imports ${target}: the reference pipeline knows nothing of its watcher`
  }
  if (upward.some(({ from, to }) => from.test(path) && to.test(target))) return null
  const [fromTop = '', fromAgent = ''] = path.split('/')
  const [toTop = '', toAgent = ''] = target.split('/')
  if (fromTop === 'agents' && toTop === 'agents' && fromAgent !== toAgent) {
    return `imports agent ${toAgent}: agents meet only on topics; what both need belongs in shared/`
  }
  if (fromTop === toTop || (mayImport[fromTop] ?? []).includes(toTop)) return null
  return `imports ${target}: ${fromTop}/ may import only ${(mayImport[fromTop] ?? []).join(', ') || 'itself'}`
}

/**
 * Problems of everything a core is made of: the files it imports within its agent, and the pure folders of `shared/`.
 * Lint looks at core.ts alone; what a core calls decides with it.
 */
export function impureProblems(files: ReadonlyMap<string, string>): string[] {
  return [...pureFiles(files)].flatMap((path) => {
    const source = ts.createSourceFile(path, files.get(path) ?? '', ts.ScriptTarget.Latest, true)
    const clocks = textRules(source).filter(({ rule }) => rule === 'clock' || rule === 'chance' || rule === 'environment')
    const foreign = importsOf(source).filter(({ specifier, target, typeOnly }) => target === null && !typeOnly && specifier !== 'zod')
    return [
      ...clocks.map(({ rule, line }) => `${path}:${line} ${rule} in a core: take it from an event or a named Prng stream`),
      ...foreign.map(({ specifier, line }) => `${path}:${line} a core imports ${specifier}: make it an event or an effect`),
    ]
  })
}

export function pureFiles(files: ReadonlyMap<string, string>): Set<string> {
  const isSource = (path: string) => path.endsWith('.ts') && !isTest(path) && !path.endsWith('.fixture.ts')
  const pure = new Set(
    [...files.keys()].filter((path) => isSource(path) && (pureFolders.test(path) || /^agents\/[^/]+\/core\.ts$/.test(path))),
  )
  for (const path of pure) {
    const source = ts.createSourceFile(path, files.get(path) ?? '', ts.ScriptTarget.Latest, true)
    for (const { target, typeOnly } of importsOf(source)) {
      if (target !== null && !typeOnly && target.startsWith('agents/') && files.has(target)) pure.add(target)
    }
  }
  return pure
}

/** Whoever knows one agent knows six. */
export function shapeProblems(paths: readonly string[], agents: readonly string[]): string[] {
  const there = new Set(paths)
  const folders = new Set(paths.flatMap((path) => /^agents\/([^/]+)\//.exec(path)?.[1] ?? []))
  const missing = agents.flatMap((agent) => agentFiles.map((file) => `agents/${agent}/${file}`)).filter((path) => !there.has(path))
  const strange = [...folders].filter((folder) => folder !== 'cli' && !agents.includes(folder))
  return [
    ...missing.map((path) => `${path} is missing: every agent has ${agentFiles.join(', ')}`),
    ...strange.map((folder) => `agents/${folder} is no agent: put it in agentNames, or elsewhere`),
  ]
}

export function topLevelProblems(paths: readonly string[]): string[] {
  const entries = new Set(paths.map((path) => path.split('/')[0] as string))
  return [...entries]
    .filter((entry) => !topLevel.has(entry))
    .map((entry) => `${entry} stands at the top: put it in one of the folders there, or in topLevel with a reason`)
}

/** A word of the watcher in the watched: the pipeline must treat canaries like any record. */
export const namesWatcher = (path: string, text: string): string[] =>
  path.startsWith('compose/reference/')
    ? [...text.matchAll(/assay|canar(y|ies)/gi)].map(
        ({ 0: word }) => `${path} says ${word}: the pipeline under test does not know who watches it`,
      )
    : []

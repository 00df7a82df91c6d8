import { isScalar, LineCounter, parseDocument, visit, type Document } from 'yaml'
import type { z } from 'zod'
import { planSchema, type Plan } from './plan.ts'
import { topologySchema, type Topology } from './topology.ts'

/** One thing wrong with a file: where, and what was expected. */
export interface Problem {
  readonly file: string
  readonly line: number
  readonly path: string
  readonly message: string
}
export type Loaded<Value> = { readonly ok: true; readonly value: Value } | { readonly ok: false; readonly problems: readonly Problem[] }

export const problemText = ({ file, line, path, message }: Problem) => `${file}:${line} ${path === '' ? '' : `${path}: `}${message}`

type Values = Readonly<Record<string, string | undefined>>

/** Topology text to value. `${NAME}` is taken from `environment`; a missing one is a problem of its own. */
export function loadTopology(file: string, text: string, environment: Values): Loaded<Topology> {
  const source = parse(file, text)
  return fill(
    source,
    { pattern: /\$\{([A-Z0-9_]+)\}/g, values: environment, what: 'environment variable', mayBeNumber: false },
    topologySchema,
  )
}

/** Plan text to value, `{{name}}` filled in from its parameters, overridden by `parameters`. */
export function loadPlan(file: string, text: string, parameters: Readonly<Record<string, string>> = {}): Loaded<Plan> {
  const source = parse(file, text)
  const defaults = parametersOf(source.document)
  const unknown = Object.keys(parameters).filter((name) => !(name in defaults))
  if (unknown.length > 0) {
    const known = Object.keys(defaults).join(', ') || 'none'
    return {
      ok: false,
      problems: unknown.map((name) => ({
        file,
        line: 1,
        path: `parameters.${name}`,
        message: `the plan has no such parameter (it has: ${known})`,
      })),
    }
  }
  return fill(
    source,
    { pattern: /\{\{([A-Za-z0-9_]+)\}\}/g, values: { ...defaults, ...parameters }, what: 'parameter', mayBeNumber: true },
    planSchema,
  )
}

function parametersOf(document: Document.Parsed): Record<string, string> {
  const root: unknown = document.errors.length > 0 ? null : document.toJS()
  const given = typeof root === 'object' && root !== null && 'parameters' in root ? root.parameters : {}
  if (typeof given !== 'object' || given === null) return {}
  return Object.fromEntries(Object.entries(given).map(([name, value]) => [name, String(value)]))
}

interface Source {
  readonly file: string
  readonly document: Document.Parsed
  readonly lineAt: (offset: number) => number
}

function parse(file: string, text: string): Source {
  const lineCounter = new LineCounter()
  const document = parseDocument(text, { lineCounter })
  return { file, document, lineAt: (offset) => lineCounter.linePos(offset).line }
}

interface References {
  readonly pattern: RegExp
  readonly values: Values
  readonly what: string
  /** Whether a scalar that is one reference and nothing else may become a number: a plan's parameter may, a secret never. */
  readonly mayBeNumber: boolean
}

function fill<Schema extends z.ZodType>(source: Source, references: References, schema: Schema): Loaded<z.output<Schema>> {
  const { file, document, lineAt } = source
  if (document.errors.length > 0) {
    const problems = document.errors.map(({ pos, message }) => ({
      file,
      line: lineAt(pos[0]),
      path: '',
      message: message.split('\n')[0] ?? '',
    }))
    return { ok: false, problems }
  }
  const problems = fillReferences(source, references)
  if (problems.length > 0) return { ok: false, problems }
  const parsed = schema.safeParse(document.toJS())
  if (parsed.success) return { ok: true, value: parsed.data }
  return {
    ok: false,
    problems: parsed.error.issues.map((issue) => ({
      file,
      line: lineOf(source, issue.path),
      path: issue.path.map(String).join('.'),
      message: issue.message,
    })),
  }
}

/** Fills in scalars after parsing: a value is a value, and brings no structure of its own. */
function fillReferences({ file, document, lineAt }: Source, { pattern, values, what, mayBeNumber }: References): Problem[] {
  const problems: Problem[] = []
  visit(document, {
    Scalar(_key, node) {
      if (typeof node.value !== 'string') return
      const filled = node.value.replace(pattern, (whole, name: string) => {
        const value = values[name]
        if (value === undefined) problems.push({ file, line: lineAt(node.range?.[0] ?? 0), path: '', message: `${whole}: no such ${what}` })
        return value ?? whole
      })
      if (filled !== node.value)
        node.value = mayBeNumber && numberPattern.test(filled) && isWhole(node.value, pattern) ? Number(filled) : filled
    },
  })
  return problems
}

const numberPattern = /^-?\d+(\.\d+)?$/

const isWhole = (text: string, pattern: RegExp) => text.replace(pattern, '') === ''

/** The line at which something stands in a file, for what is found to be wrong with it later. */
export const lineOfPath = (file: string, text: string, path: readonly PropertyKey[]) => lineOf(parse(file, text), path)

/** The line of the deepest node of the path that exists: a missing key is reported at its parent. */
function lineOf({ document, lineAt }: Source, path: readonly PropertyKey[]): number {
  for (let depth = path.length; depth > 0; depth--) {
    const node: unknown = document.getIn(path.slice(0, depth), true)
    if (isScalar(node) && node.range != null) return lineAt(node.range[0])
    if (typeof node === 'object' && node !== null && 'range' in node && Array.isArray(node.range)) return lineAt(Number(node.range[0]))
  }
  return 1
}

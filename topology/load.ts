import { LineCounter, parseDocument } from 'yaml'
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

/** Topology text to value. `${NAME}` is taken from `environment`; a missing one is a problem of its own. */
export function loadTopology(file: string, text: string, environment: Readonly<Record<string, string | undefined>>): Loaded<Topology> {
  return loadYaml({
    file,
    text,
    schema: topologySchema,
    references: { pattern: /()\$\{([A-Z0-9_]+)\}/g, values: environment, what: 'environment variable' },
  })
}

/** Plan text to value, `{{name}}` filled in from its parameters, overridden by `parameters`. */
export function loadPlan(file: string, text: string, parameters: Readonly<Record<string, string>> = {}): Loaded<Plan> {
  const defaults = parametersOf(text)
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
  return loadYaml({
    file,
    text,
    schema: planSchema,
    references: { pattern: /(['"]?)\{\{([A-Za-z0-9_]+)\}\}\1/g, values: { ...defaults, ...parameters }, what: 'parameter' },
  })
}

function parametersOf(text: string): Record<string, string> {
  // References stand where values will: any scalar does for reading the defaults.
  const document: unknown = parseDocument(text.replace(/\{\{[A-Za-z0-9_]+\}\}/g, '0')).toJS()
  const given = typeof document === 'object' && document !== null && 'parameters' in document ? document.parameters : {}
  if (typeof given !== 'object' || given === null) return {}
  return Object.fromEntries(Object.entries(given).map(([name, value]) => [name, String(value)]))
}

interface YamlSource<Schema extends z.ZodType> {
  file: string
  text: string
  schema: Schema
  /** The pattern captures the quote before the reference, or nothing, and the name. */
  references: { pattern: RegExp; values: Readonly<Record<string, string | undefined>>; what: string }
}

const numberPattern = /^-?\d+(\.\d+)?$/

function loadYaml<Schema extends z.ZodType>({ file, text, schema, references }: YamlSource<Schema>): Loaded<z.output<Schema>> {
  const problems: Problem[] = []
  const lineOfOffset = (offset: number) => text.slice(0, offset).split('\n').length
  const filled = text.replace(references.pattern, (whole: string, quote: string, name: string, offset: number) => {
    // A reference in a comment is none.
    const lineStart = text.lastIndexOf('\n', offset) + 1
    if (text.slice(lineStart, offset).trimStart().startsWith('#')) return whole
    const value = references.values[name]
    if (value === undefined) {
      problems.push({ file, line: lineOfOffset(offset), path: '', message: `${whole}: no such ${references.what}` })
      return whole
    }
    // A number in quotes would be text to the schema.
    return numberPattern.test(value) ? value : `${quote}${value}${quote}`
  })
  if (problems.length > 0) return { ok: false, problems }
  const lineCounter = new LineCounter()
  const document = parseDocument(filled, { lineCounter })
  if (document.errors.length > 0) {
    return {
      ok: false,
      problems: document.errors.map((error) => ({
        file,
        line: lineCounter.linePos(error.pos[0]).line,
        path: '',
        message: error.message.split('\n')[0] ?? '',
      })),
    }
  }
  const parsed = schema.safeParse(document.toJS())
  if (parsed.success) return { ok: true, value: parsed.data }
  return {
    ok: false,
    problems: parsed.error.issues.map((issue) => ({
      file,
      line: lineOf(issue.path),
      path: issue.path.map(String).join('.'),
      message: issue.message,
    })),
  }

  /** The line of the deepest node of the path that exists: a missing key is reported at its parent. */
  function lineOf(path: readonly PropertyKey[]): number {
    for (let depth = path.length; depth > 0; depth--) {
      const node: unknown = document.getIn(path.slice(0, depth), true)
      if (typeof node === 'object' && node !== null && 'range' in node && Array.isArray(node.range)) {
        return lineCounter.linePos(Number(node.range[0])).line
      }
    }
    return 1
  }
}

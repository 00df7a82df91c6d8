import { parseArgs } from 'node:util'
import { AssayError } from '../../shared/core/errors.ts'

export interface OptionSpec {
  readonly type: 'string' | 'boolean'
  /** May be given more than once. */
  readonly multiple?: boolean
  /** What stands for the value in the usage. */
  readonly value?: string
  readonly help: string
}

export interface ArgumentSpec {
  readonly command: string
  readonly summary: string
  readonly positionals: readonly { readonly name: string; readonly required: boolean; readonly help: string }[]
  readonly options: Readonly<Record<string, OptionSpec>>
}

export interface GivenArguments {
  readonly positionals: readonly string[]
  text(option: string): string | undefined
  list(option: string): readonly string[]
  flag(option: string): boolean
}

/** Throws INPUT_INVALID for anything that is not in the spec, with what was probably meant. */
export function parseArguments(spec: ArgumentSpec, args: readonly string[]): GivenArguments {
  const options = Object.fromEntries(Object.entries(spec.options).map(([name, { type, multiple = false }]) => [name, { type, multiple }]))
  const { tokens, positionals } = parseArgs({ args: [...args], options, strict: false, tokens: true, allowPositionals: true })
  const given = new Map<string, string[]>()
  for (const token of tokens) {
    if (token.kind !== 'option') continue
    given.set(token.name, [...(given.get(token.name) ?? []), checkedValue(spec, token)])
  }
  checkPositionals(spec, positionals)
  return {
    positionals,
    text: (option) => given.get(option)?.at(-1),
    list: (option) => given.get(option) ?? [],
    flag: (option) => given.has(option),
  }
}

function checkedValue(spec: ArgumentSpec, token: { name: string; rawName: string; value?: string | undefined }): string {
  const option = spec.options[token.name]
  if (option === undefined) {
    const meant = nearest(token.name, Object.keys(spec.options))
    throw badInput(`assay ${spec.command}: no such option: ${token.rawName}${meant === null ? '' : `; did you mean --${meant}?`}`)
  }
  if (option.type === 'boolean') {
    if (token.value !== undefined) throw badInput(`assay ${spec.command}: ${token.rawName} takes no value, got ${token.value}`)
    return ''
  }
  if (token.value === undefined || token.value.startsWith('--'))
    throw badInput(`assay ${spec.command}: ${token.rawName} needs a value: ${option.value ?? 'text'}`)
  return token.value
}

function checkPositionals(spec: ArgumentSpec, positionals: readonly string[]): void {
  const missing = spec.positionals[positionals.length]
  if (missing?.required === true) throw badInput(`assay ${spec.command}: <${missing.name}> is missing: ${missing.help}`)
  const extra = positionals[spec.positionals.length]
  if (extra !== undefined) throw badInput(`assay ${spec.command}: unexpected argument ${extra}`)
}

export const badInput = (message: string) => new AssayError('INPUT_INVALID', message)

/** `k=v` pairs of a repeated option to a record. */
export function pairsOf(option: string, pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=')
      if (at <= 0) throw badInput(`--${option}: expected name=value, got ${pair}`)
      return [pair.slice(0, at), pair.slice(at + 1)]
    }),
  )
}

/** A positive number of an option, or undefined when it was not given. */
export function positiveOf(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const number = Number(text)
  if (!Number.isFinite(number) || number <= 0) throw badInput(`--${option}: expected a number above 0, got ${text}`)
  return number
}

const DISTANCE_MAX = 3

/** The known word that was probably meant, or null. */
export function nearest(word: string, known: readonly string[]): string | null {
  const ranked = known
    .map((candidate) => ({ candidate, distance: candidate.startsWith(word) && word !== '' ? 0 : editDistance(word, candidate) }))
    .filter(({ candidate, distance }) => distance <= Math.min(DISTANCE_MAX, Math.max(2, candidate.length / 2)))
    .sort((a, b) => a.distance - b.distance)
  return ranked[0]?.candidate ?? null
}

/** Levenshtein's, row by row. */
export function editDistance(left: string, right: string): number {
  let previous = Array.from({ length: right.length + 1 }, (_, index) => index)
  for (let i = 1; i <= left.length; i++) {
    const row = [i]
    for (let j = 1; j <= right.length; j++) {
      const substituted = (previous[j - 1] as number) + (left[i - 1] === right[j - 1] ? 0 : 1)
      row.push(Math.min(substituted, (previous[j] as number) + 1, (row[j - 1] as number) + 1))
    }
    previous = row
  }
  return previous[right.length] as number
}

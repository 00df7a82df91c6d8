import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { DEFAULT_STACK_DIR } from './layout.ts'
import { messageOf } from './errors.ts'

export const EXIT_BAD_INPUT = 64

export interface StackArguments {
  dir: string
  flags: ReadonlySet<string>
}

/** Reads `--dir DIR` and the given flags; what else stands there is refused with the usage. */
export function parseStackArguments(args: readonly string[], flags: readonly string[]): StackArguments | { problem: string } {
  const options = Object.fromEntries(flags.map((flag) => [flag, { type: 'boolean' as const }]))
  try {
    const { values } = parseArgs({ args: [...args], options: { ...options, dir: { type: 'string' } } })
    const set = flags.filter((flag) => (values as Record<string, unknown>)[flag] === true)
    return { dir: resolve(values.dir ?? DEFAULT_STACK_DIR), flags: new Set(set) }
  } catch (error) {
    const usage = ['[--dir DIR]', ...flags.map((flag) => `[--${flag}]`)].join(' ')
    return { problem: `${messageOf(error)}\nexpected: ${usage}` }
  }
}

/** As above, ending the process with 64 on bad input. */
export function readStackArguments(flags: readonly string[]): StackArguments {
  const parsed = parseStackArguments(process.argv.slice(2), flags)
  if (!('problem' in parsed)) return parsed
  console.error(parsed.problem)
  process.exit(EXIT_BAD_INPUT)
}

import type { ArgumentSpec } from './arguments.ts'
import { exitCodes } from './exit-codes.ts'

/** `assay --help` */
export function overviewText(specs: readonly ArgumentSpec[]): string {
  const rows = specs.map(({ command, positionals, summary }) => [[command, ...positionals.map(wordOf)].join(' '), summary] as const)
  return [
    'assay: proves, run by run, that a pipeline delivers every record once, intact, in order and on time',
    '',
    ...columns(rows),
    '',
    '`assay <command> --help` tells its options. Settings come from the environment; ASSAY_KAFKA_BOOTSTRAP names the cluster of the control and results topics.',
    '',
    'exit codes',
    ...columns(Object.values(exitCodes).map(({ code, meaning }) => [String(code), meaning])),
  ].join('\n')
}

/** `assay <command> --help` */
export function usageText(spec: ArgumentSpec): string {
  const positionals = spec.positionals.map(({ name, help }) => [`<${name}>`, help] as const)
  const options = Object.entries(spec.options).map(
    ([name, { value, help }]) => [`--${name}${value === undefined ? '' : ` ${value}`}`, help] as const,
  )
  return [`assay ${callOf(spec)}`, '', spec.summary, '', ...columns([...positionals, ...options, ['--help', 'this text']])].join('\n')
}

function callOf({ command, positionals, options }: ArgumentSpec): string {
  const flags = Object.entries(options).map(
    ([name, { value, multiple }]) => `[--${name}${value === undefined ? '' : ` ${value}`}]${multiple === true ? '…' : ''}`,
  )
  return [command, ...positionals.map(wordOf), ...flags].join(' ')
}

const wordOf = ({ name, required }: ArgumentSpec['positionals'][number]) => (required ? `<${name}>` : `[${name}]`)

function columns(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length))
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`)
}

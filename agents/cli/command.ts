import type { ArgumentSpec, GivenArguments } from './arguments.ts'
import type { Terminal } from './terminal.ts'

export interface CommandContext {
  readonly given: GivenArguments
  readonly terminal: Terminal
}

/** One subcommand of `assay`. */
export interface Command extends ArgumentSpec {
  /** Resolves to the exit code; null when the process goes on and ends by itself. */
  run(context: CommandContext): Promise<number | null>
}

import { nearest, parseArguments, badInput } from './arguments.ts'
import { commands } from './commands.ts'
import { exitCodeOfError, exitCodes } from './exit-codes.ts'
import type { Terminal } from './terminal.ts'
import { overviewText, usageText } from './usage.ts'

/** Runs `assay <args>`; resolves to the exit code, or null when the process goes on. */
export async function runAssay(args: readonly string[], terminal: Terminal): Promise<number | null> {
  try {
    return await dispatch(args, terminal)
  } catch (error) {
    const code = exitCodeOfError(error)
    terminal.note(code === exitCodes.ourBug.code ? traceOf(error) : messageOf(error))
    return code
  }
}

async function dispatch([name = '--help', ...rest]: readonly string[], terminal: Terminal): Promise<number | null> {
  if (name === '--help' || name === '-h' || name === 'help') {
    terminal.out(overviewText(await Promise.all(Object.values(commands).map((load) => load()))))
    return exitCodes.pass.code
  }
  const load = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (load === undefined) {
    const meant = nearest(name, Object.keys(commands))
    throw badInput(
      `assay: no such command: ${name}; ${meant === null ? `there are ${Object.keys(commands).join(', ')}` : `did you mean ${meant}?`}`,
    )
  }
  const command = await load()
  if (rest.includes('--help') || rest.includes('-h')) {
    terminal.out(usageText(command))
    return exitCodes.pass.code
  }
  return command.run({ given: parseArguments(command, rest), terminal })
}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error))
const traceOf = (error: unknown) => (error instanceof Error ? (error.stack ?? error.message) : String(error))

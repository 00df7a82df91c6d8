/** Why the local stack cannot go on; each with what its user does about it. */
export const STACK_ERRORS = {
  'tool-missing': 'Install what the message names.',
  'download-failed': 'Read the output of the tool in the message; check the network or the mirror of the package registry.',
  'checksum-mismatch': 'Do not run the files. Delete what the package tool cached and try again; if it stays, tell the maintainers.',
  'already-running': 'Stop the running stack with `npm run down`, or give another folder with `--dir`.',
  'service-failed': 'Read the log named in the message.',
  'service-late': 'Read the log named in the message; the machine may be overloaded.',
  'service-unknown': 'Name a service the stack has; `npm run status` lists them.',
} as const

export type StackErrorCode = keyof typeof STACK_ERRORS

export class StackError extends Error {
  readonly code: StackErrorCode

  constructor(code: StackErrorCode, message: string, options?: ErrorOptions) {
    super(`${message}\n${STACK_ERRORS[code]}`, options)
    this.name = 'StackError'
    this.code = code
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** The code of a failed system call, e.g. `ENOENT`; undefined for any other value. */
export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

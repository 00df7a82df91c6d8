import { InvariantError } from './errors.ts'

/** Fails on a bug of ours. A fault of the pipeline under test is a finding, never an assertion. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new InvariantError(message)
}

/** Makes a `switch` total: adding a union member breaks the build here until it is handled. */
export function unreachable(value: never): never {
  throw new InvariantError(`unreachable: ${JSON.stringify(value)}`)
}

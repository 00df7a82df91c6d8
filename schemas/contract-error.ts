/**
 * What the contract says of bytes or messages that do not satisfy it.
 *
 * - `unreadable`: the bytes are not a message of this contract.
 * - `unknown-kind`: a well-formed message of a kind this version does not know: a newer writer. Readers pass over it.
 * - `not-writable`: the caller's message does not satisfy the schema; a bug of the caller.
 *
 * `schemas/` stands below `shared/`, so these are not rows of its table of errors; who reads the topics turns them into findings.
 */
export type ContractProblem = 'unreadable' | 'unknown-kind' | 'not-writable'

export class ContractError extends Error {
  readonly problem: ContractProblem
  /** Each: path, what was expected, what was there. */
  readonly problems: readonly string[]

  constructor(problem: ContractProblem, problems: readonly string[], options?: ErrorOptions) {
    super(`${problem}: ${problems.join('; ')}`, options)
    this.name = new.target.name
    this.problem = problem
    this.problems = problems
  }
}

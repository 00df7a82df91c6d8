import { loadPlan, loadTopology, problemText, type Problem } from '../../topology/load.ts'
import { topologySqlProblems } from '../../shared/engines/topology-sql.ts'
import { badInput, pairsOf } from './arguments.ts'
import type { Command } from './command.ts'
import { exitCodes } from './exit-codes.ts'
import { readText } from './run.ts'

export const validateCommand: Command = {
  command: 'validate',
  summary: 'checks a plan or a topology and prints each problem with file, line and path',
  positionals: [{ name: 'file', required: true, help: 'YAML or JSON; what it is shows by its keys' }],
  options: { param: { type: 'string', multiple: true, value: 'name=value', help: "value of one of the plan's parameters" } },
  async run({ given, terminal }) {
    const [file = ''] = given.positionals
    const checked = await checkFile({
      file,
      text: readText(file),
      parameters: pairsOf('param', given.list('param')),
      environment: process.env,
    })
    for (const name of checked.unset) terminal.note(`${file}: \${${name}} is not set here; a placeholder stood in for it`)
    for (const problem of checked.problems) terminal.out(problemText(problem))
    if (checked.problems.length > 0) return exitCodes.badInput.code
    terminal.out(`${file}: a valid ${checked.kind}`)
    return exitCodes.pass.code
  },
}

export interface FileToCheck {
  readonly file: string
  readonly text: string
  readonly parameters: Readonly<Record<string, string>>
  readonly environment: Readonly<Record<string, string | undefined>>
}

export interface CheckedFile {
  readonly kind: 'plan' | 'topology'
  readonly problems: readonly Problem[]
  /** Variables the topology refers to and the environment does not hold. */
  readonly unset: readonly string[]
}

export async function checkFile({ file, text, parameters, environment }: FileToCheck): Promise<CheckedFile> {
  const kind = kindOf(text)
  if (kind === null)
    throw badInput(`${file}: neither a plan (it would have ${planKeys.join(', ')}) nor a topology (${topologyKeys.join(', ')})`)
  if (kind === 'plan') {
    const loaded = loadPlan(file, text, parameters)
    return { kind, problems: loaded.ok ? [] : loaded.problems, unset: [] }
  }
  const unset = new Set<string>()
  const values = new Proxy<Record<string, string | undefined>>(
    {},
    {
      get: (_, name) => {
        const value = environment[String(name)]
        if (value === undefined) unset.add(String(name))
        return value ?? PLACEHOLDER
      },
    },
  )
  const loaded = loadTopology(file, text, values)
  const problems = loaded.ok ? await topologySqlProblems(file, text, loaded.value) : loaded.problems
  return { kind, problems, unset: [...unset] }
}

/** Good as an address and as a text. */
const PLACEHOLDER = 'http://unset.invalid'
const planKeys = ['load', 'stages']
const topologyKeys = ['connections', 'record', 'hops']

/** By the top-level keys; a plan that lacks one of two is still a plan, and its problem is told. */
export function kindOf(text: string): CheckedFile['kind'] | null {
  const has = (key: string) => new RegExp(`^(${key}|\\s*["']${key}["'])\\s*:`, 'm').test(text)
  if (planKeys.some(has)) return 'plan'
  return topologyKeys.some(has) ? 'topology' : null
}

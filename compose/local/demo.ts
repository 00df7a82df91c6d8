/**
 * `npm run demo`: the whole pipeline and all six agents on this machine, one run, its verdict. What it needs is checked
 * here, before anything is loaded that would fail with a message for programmers.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { badInput, nearest, parseArguments, pairsOf, positiveOf, type ArgumentSpec } from '../../agents/cli/arguments.ts'
import { exitCodeOfError, exitCodes } from '../../agents/cli/exit-codes.ts'
import { usageText } from '../../agents/cli/usage.ts'
import { defects } from '../reference/normaliser/defects.ts'
import { AGENTS, type DemoWish } from './demo-wish.ts'
import { StackError } from './errors.ts'
import { REPO_DIR } from './layout.ts'
import { natsWishOf } from './nats-wish.ts'
import { nodeProblem } from './tools.ts'

const spec: ArgumentSpec = {
  command: 'demo',
  summary: 'starts the reference pipeline and the agents, runs a plan, prints the verdict, stops everything',
  positionals: [],
  options: {
    plan: { type: 'string', value: 'name|file', help: 'smoke when left out; smoke-chaos pauses the Connect worker' },
    param: { type: 'string', multiple: true, value: 'name=value', help: "value of one of the plan's parameters" },
    defect: { type: 'string', value: defects.join('|'), help: 'what the normaliser does to some records, to see that it is found' },
    'defect-every': { type: 'string', value: 'n', help: 'to each n-th record; 997 when left out' },
    without: { type: 'string', multiple: true, value: 'agent', help: 'do not start this agent' },
    kill: {
      type: 'string',
      multiple: true,
      value: 'agent@seconds',
      help: 'kill -9 this agent so long after the run was accepted, and start it again',
    },
    nats: { type: 'boolean', help: 'canaries go in over NATS JetStream and a gateway; a server is fetched where there is none' },
    'no-nats': { type: 'boolean', help: 'canaries go straight into Kafka, though there is a nats-server on PATH' },
    json: { type: 'boolean', help: 'the outcome as JSON on standard output' },
  },
}

function wishOf(args: readonly string[]): DemoWish {
  const given = parseArguments(spec, args)
  const every = positiveOf('defect-every', given.text('defect-every'))
  if (every !== undefined && !Number.isInteger(every)) throw badInput(`--defect-every: expected a whole number, got ${every}`)
  const defect = given.text('defect')
  const nats = natsWishOf({ nats: given.flag('nats'), noNats: given.flag('no-nats') })
  if (nats === undefined) throw badInput('--nats and --no-nats: expected one of them at most')
  return {
    plan: given.text('plan') ?? 'smoke',
    parameters: pairsOf('param', given.list('param')),
    defect: defect === undefined ? null : oneOf('defect', defect, defects),
    defectEvery: every ?? null,
    without: given.list('without').map((name) => oneOf('without', name, AGENTS)),
    kills: given.list('kill').map(killOf),
    nats,
    json: given.flag('json'),
  }
}

function oneOf<Name extends string>(option: string, text: string, names: readonly Name[]): Name {
  const found = names.find((name) => name === text)
  if (found !== undefined) return found
  const meant = nearest(text, names)
  throw badInput(`--${option}: ${text} is none of ${names.join(', ')}${meant === null ? '' : `; did you mean ${meant}?`}`)
}

function killOf(text: string): DemoWish['kills'][number] {
  const [agent = '', seconds = ''] = text.split('@')
  return { agent: oneOf('kill', agent, AGENTS), afterMs: (positiveOf('kill', seconds) ?? 0) * 1000 }
}

/** What must be there before the rest can even be loaded. */
function missingTools(): string[] {
  const problems = nodeProblem(process.versions.node)
  if (!existsSync(join(REPO_DIR, 'node_modules', 'kafkajs')))
    problems.push('The packages are not installed: run `npm install` in the folder of this repository')
  return problems
}

async function main(args: readonly string[]): Promise<number> {
  if (args.includes('--help') || args.includes('-h')) {
    console.log(usageText(spec).replace(/^assay demo/, 'npm run demo --'))
    return exitCodes.pass.code
  }
  const wish = wishOf(args)
  const missing = missingTools()
  if (missing.length > 0) {
    console.error(missing.join('\n'))
    return exitCodes.badInput.code
  }
  const { runDemo } = await import('./demo-run.ts')
  return runDemo(wish)
}

try {
  process.exit(await main(process.argv.slice(2)))
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error))
  const toolMissing = error instanceof StackError && error.code === 'tool-missing'
  process.exit(toolMissing ? exitCodes.badInput.code : exitCodeOfError(error))
}

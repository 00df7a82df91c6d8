import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { StackError, messageOf, systemCode } from './errors.ts'

const run = promisify(execFile)

const JAVA_MAJOR_AT_LEAST = 17
const NODE_AT_LEAST = { major: 22, minor: 18 }
const PROBE_TIMEOUT_MS = 20_000
const COMMAND_TIMEOUT_MS = 20 * 60_000
const OUTPUT_BYTES_MAX = 16 * 1024 * 1024
const SHOWN_OUTPUT_CHARS = 2_000

export type Tool = 'java' | 'mvn' | 'python3' | 'pip' | 'tar' | 'go'

const PROBES: Readonly<Record<Tool, { command: string; args: readonly string[]; need: string; obtain: string }>> = {
  java: {
    command: 'java',
    args: ['-version'],
    need: `Java ${JAVA_MAJOR_AT_LEAST} or later`,
    obtain: 'apt install openjdk-17-jre-headless, brew install openjdk@17, or adoptium.net; `java` must be on the PATH',
  },
  mvn: { command: 'mvn', args: ['-v'], need: 'Maven 3.6 or later', obtain: 'apt install maven, brew install maven, or maven.apache.org' },
  python3: { command: 'python3', args: ['--version'], need: 'Python 3.8 or later', obtain: 'apt install python3, brew install python' },
  pip: {
    command: 'python3',
    args: ['-m', 'pip', '--version'],
    need: 'pip for python3',
    obtain: 'apt install python3-pip, or python3 -m ensurepip',
  },
  go: {
    command: 'go',
    args: ['version'],
    need: 'Go 1.21 or later',
    obtain: 'apt install golang-go, brew install go, or go.dev/dl; `go` must be on the PATH',
  },
  tar: { command: 'tar', args: ['--version'], need: 'tar', obtain: 'apt install tar' },
}

/** Names every missing tool at once, with the way to get it, and what cannot be without. */
export async function requireTools(tools: readonly Tool[], without = 'the local stack cannot start'): Promise<void> {
  const missing = nodeProblem(process.versions.node)
  for (const tool of new Set(tools)) missing.push(...(await toolProblem(tool)))
  if (missing.length > 0) throw new StackError('tool-missing', `${without}:\n${missing.map((line) => `  - ${line}`).join('\n')}`)
}

async function toolProblem(tool: Tool): Promise<string[]> {
  const probe = PROBES[tool]
  try {
    const { stdout, stderr } = await run(probe.command, [...probe.args], { timeout: PROBE_TIMEOUT_MS })
    return tool === 'java' ? javaProblem(stdout + stderr) : []
  } catch (error) {
    const why = systemCode(error) === 'ENOENT' ? 'is not on the PATH' : `failed: ${messageOf(error)}`
    return [`${probe.need} is needed: \`${probe.command}\` ${why}. Get it: ${probe.obtain}`]
  }
}

/** `java -version` prints `… version "17.0.15"`, or `"1.8.0_392"` up to Java 8. */
export function javaProblem(versionOutput: string): string[] {
  const version = /version "(?:1\.)?(\d+)/.exec(versionOutput)?.[1]
  if (version !== undefined && Number(version) >= JAVA_MAJOR_AT_LEAST) return []
  const found = version === undefined ? `an unreadable version: ${versionOutput.trim()}` : `Java ${version}`
  return [`${PROBES.java.need} is needed, found ${found}. Get it: ${PROBES.java.obtain}`]
}

export function nodeProblem(version: string): string[] {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major > NODE_AT_LEAST.major || (major === NODE_AT_LEAST.major && minor >= NODE_AT_LEAST.minor)) return []
  const need = `${NODE_AT_LEAST.major}.${NODE_AT_LEAST.minor}`
  return [`Node ${need} or later is needed, found ${version}. Get it: nodejs.org; npm scripts of this package bring their own`]
}

/** Where a tool runs, and what it finds in its environment beside ours. */
export interface ToolPlace {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
}

/** Runs a tool to its end; its output is part of the error when it fails. */
export async function runTool(command: string, args: readonly string[], place: ToolPlace = {}): Promise<void> {
  await readTool(command, args, place)
}

/** The same, for what it prints. */
export async function readTool(command: string, args: readonly string[], { cwd, env = {} }: ToolPlace = {}): Promise<string> {
  const options = { timeout: COMMAND_TIMEOUT_MS, maxBuffer: OUTPUT_BYTES_MAX, env: { ...process.env, ...env } }
  try {
    return (await run(command, [...args], cwd === undefined ? options : { ...options, cwd })).stdout
  } catch (error) {
    throw new StackError('download-failed', `\`${command} ${args.join(' ')}\` failed:\n${outputOf(error)}`, { cause: error })
  }
}

function outputOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const parts = [error.message]
  for (const name of ['stdout', 'stderr'] as const) {
    if (name in error) parts.push(String((error as Error & { stdout?: unknown; stderr?: unknown })[name]))
  }
  return parts.join('\n').slice(0, SHOWN_OUTPUT_CHARS)
}

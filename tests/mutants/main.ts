import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { mutants } from './judgement.ts'
import { mirrorMutants } from './mirror.ts'
import { mutated, type Mutant } from './mutant.ts'

/**
 * `npm run mutants`: makes each mistake of the list in a copy of the repository and runs the tests beside it, then the
 * simulation. A mistake that no test notices is a gap in the tests. Exit 1 when one survived.
 */
const ROOT = join(import.meta.dirname, '../..')
const SIM_SEEDS = '120'
const TIMEOUT_MS = 240_000

interface Outcome {
  readonly mutant: Mutant
  /** What noticed it; null when nothing did. */
  readonly killedBy: string | null
  readonly seconds: number
}

function copyOfRepository(): string {
  const copy = mkdtempSync(join(tmpdir(), 'assay-mutants-'))
  const files = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: ROOT, encoding: 'utf8' })
  for (const file of files.split('\0').filter(Boolean)) if (existsSync(join(ROOT, file))) cpSync(join(ROOT, file), join(copy, file))
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'))
  return copy
}

/** Whether the tests pass. One that hangs has noticed. */
async function passes(copy: string, tests: readonly string[]): Promise<boolean> {
  const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs')
  const child = spawn(
    process.execPath,
    [vitest, 'run', '--project', 'unit', '--project', 'simulation', '--bail', '1', '--maxWorkers', '1', ...tests],
    {
      cwd: copy,
      stdio: 'ignore',
      env: { ...process.env, SIM_SEEDS },
    },
  )
  const timer = setTimeout(() => child.kill('SIGKILL'), TIMEOUT_MS)
  const [code] = (await once(child, 'close')) as [number | null]
  clearTimeout(timer)
  return code === 0
}

/** The nearest tests first: those of the file's own folder. */
function suites({ file }: Mutant): { name: string; tests: string[] }[] {
  const folder = dirname(file)
  const beside = readdirSync(join(ROOT, folder)).filter((name) => name.endsWith('.test.ts') && !name.endsWith('.stack.test.ts'))
  return [
    { name: `tables of ${folder}`, tests: beside.map((name) => join(folder, name)) },
    { name: 'simulation', tests: ['tests/sim/'] },
  ]
}

async function tryMutant(copy: string, mutant: Mutant): Promise<Outcome> {
  const startedMs = performance.now()
  const path = join(copy, mutant.file)
  const text = readFileSync(path, 'utf8')
  writeFileSync(path, mutated(text, mutant))
  const outcome = (killedBy: string | null) => ({ mutant, killedBy, seconds: (performance.now() - startedMs) / 1000 })
  try {
    for (const { name, tests } of suites(mutant)) if (!(await passes(copy, tests))) return outcome(name)
    return outcome(null)
  } finally {
    writeFileSync(path, text)
  }
}

async function main(): Promise<number> {
  const wanted = process.argv.slice(2)
  const chosen = [...mutants, ...mirrorMutants].filter(
    ({ name, file }) => wanted.length === 0 || wanted.some((text) => `${file} ${name}`.includes(text)),
  )
  // All must apply before any is tried.
  for (const mutant of chosen) mutated(readFileSync(join(ROOT, mutant.file), 'utf8'), mutant)
  const copies = Array.from({ length: Math.min(availableParallelism(), chosen.length) }, copyOfRepository)
  const queue = [...chosen]
  const survivors: Mutant[] = []
  try {
    await Promise.all(
      copies.map(async (copy) => {
        for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
          const { killedBy, seconds } = await tryMutant(copy, mutant)
          process.stdout.write(
            `${killedBy === null ? 'SURVIVED' : 'killed  '} ${mutant.file}: ${mutant.name}  (${killedBy ?? 'nothing'}, ${seconds.toFixed(1)} s)\n`,
          )
          if (killedBy === null) survivors.push(mutant)
        }
      }),
    )
  } finally {
    for (const copy of copies) rmSync(copy, { recursive: true, force: true })
  }
  process.stdout.write(`\n${chosen.length - survivors.length} of ${chosen.length} mutants killed\n`)
  return survivors.length === 0 ? 0 : 1
}

process.exitCode = await main()

import { existsSync } from 'node:fs'
import { cp, mkdtemp, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { cacheFolder } from './cache.ts'
import { withLock } from './lock.ts'
import { readTool, requireTools, runTool } from './tools.ts'

export interface GoProgram {
  readonly name: string
  readonly module: string
  /** `v1.76.0`; the checksum database of Go vouches for its content. */
  readonly version: string
  /** The package of the program within its module, such as `./cmd/jaeger`. */
  readonly package: string
  readonly ldflags?: string
}

const downloaded = z.object({ Dir: z.string() })

/** A Go program, built once into the cache from its module as published. Returns the binary. Throws StackError. */
export async function goProgram(program: GoProgram, note: (line: string) => void): Promise<string> {
  const cacheDir = cacheFolder(process.env)
  const folder = join(cacheDir, `${program.name}-${program.version}`)
  const binary = join(folder, program.name)
  const onWait = (pid: number) => {
    note(`waiting for process ${pid}, which is building ${program.name}`)
  }
  await withLock({ path: `${folder}.lock`, onWait }, async () => {
    if (existsSync(binary)) return
    await requireTools(['go'], `${program.name} ${program.version} cannot be built for the tests that need it`)
    note(`building ${program.name} ${program.version} with Go …`)
    const temporary = await mkdtemp(join(cacheDir, `.${program.name}-`))
    try {
      await build(program, temporary)
      await rm(folder, { recursive: true, force: true })
      await rename(join(temporary, 'built'), folder)
    } finally {
      await rm(temporary, { recursive: true, force: true })
    }
  })
  return binary
}

/** In a copy of the module: `go install` refuses modules with replacements. */
async function build({ name, module, version, ldflags, package: program }: GoProgram, temporary: string): Promise<void> {
  const { Dir: published } = downloaded.parse(JSON.parse(await readTool('go', ['mod', 'download', '-json', `${module}@${version}`])))
  const source = join(temporary, 'source')
  await cp(published, source, { recursive: true })
  await runTool('chmod', ['-R', 'u+w', source])
  const flags = ldflags === undefined ? [] : ['-ldflags', ldflags]
  await runTool('go', ['build', '-trimpath', ...flags, '-o', join(temporary, 'built', name), program], {
    cwd: source,
    env: { CGO_ENABLED: '0', GOFLAGS: '-mod=mod -buildvcs=false' },
  })
}

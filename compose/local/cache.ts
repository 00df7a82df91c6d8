import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { compareSums, describeSumProblem, readPinnedSums, sizesOf, sumsOf } from './checksums.ts'
import type { Sums } from './checksums.ts'
import { COMPONENTS, folderName, toolsFor } from './components.ts'
import type { Component, ComponentName } from './components.ts'
import { download, unpack } from './download.ts'
import { StackError, messageOf, systemCode } from './errors.ts'
import { withLock } from './lock.ts'
import { requireTools } from './tools.ts'

export type ComponentFolders = Readonly<Record<ComponentName, string>>

const PINNED_SUMS = join(import.meta.dirname, 'checksums.json')
const MARKER = 'assay-verified.json'

/** Written as the last file of a verified component: the sums it was verified by and the size of each file it then had. */
const Marker = z.object({ sums: z.record(z.string(), z.string()), sizes: z.record(z.string(), z.number()) })

export function cacheFolder(env: Readonly<Record<string, string | undefined>>): string {
  return env['ASSAY_CACHE_DIR'] ?? join(homedir(), '.cache', 'assay')
}

/** The folders of all components; what is not in the cache is downloaded, verified and put there. */
export async function ensureComponents(cacheDir: string, progress: (line: string) => void): Promise<ComponentFolders> {
  const pinned = readPinnedSums(PINNED_SUMS)
  const absent: Component[] = []
  for (const component of COMPONENTS) {
    if (!(await isInstalled(join(cacheDir, folderName(component)), pinnedSumsOf(component, pinned)))) absent.push(component)
  }
  await requireTools(['java', ...absent.flatMap((component) => toolsFor(component.source))])
  for (const component of absent) await installLocked({ cacheDir, component, sums: pinnedSumsOf(component, pinned) }, progress)
  const folders = COMPONENTS.map((component) => [component.name, join(cacheDir, folderName(component))])
  return Object.fromEntries(folders) as Record<ComponentName, string>
}

/** Wheels hold native code, so each platform has its own; jars are the same everywhere. */
export function sumsKey(component: Component, platform: string): string {
  return component.source.kind === 'wheels' ? `${folderName(component)}/${platform}` : folderName(component)
}

function pinnedSumsOf(component: Component, pinned: Readonly<Record<string, Sums>>): Sums {
  const key = sumsKey(component, `${process.platform}-${process.arch}`)
  const sums = pinned[key]
  if (sums === undefined) {
    const known = Object.keys(pinned).filter((name) => name.startsWith(folderName(component)))
    throw new StackError('checksum-mismatch', `checksums.json has no entry ${key}, it knows ${known.join(', ')}`)
  }
  return sums
}

/** Presence and sizes only: hashing 600 MB at each start would take longer than starting. */
export async function isInstalled(folder: string, sums: Sums): Promise<boolean> {
  const marker = await readMarker(folder)
  if (marker === undefined || compareSums(sums, marker.sums).length > 0) return false
  const checks = Object.entries(marker.sizes).map(async ([file, sizeBytes]) => {
    const path = join(folder, file)
    return existsSync(path) && (await stat(path)).size === sizeBytes
  })
  return (await Promise.all(checks)).every((same) => same)
}

async function readMarker(folder: string): Promise<z.infer<typeof Marker> | undefined> {
  try {
    return Marker.parse(JSON.parse(await readFile(join(folder, MARKER), 'utf8')))
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw new StackError('checksum-mismatch', `${join(folder, MARKER)} is unreadable (${messageOf(error)}); delete its folder`, {
      cause: error,
    })
  }
}

interface Installation {
  cacheDir: string
  component: Component
  sums: Sums
}

async function installLocked(installation: Installation, progress: (line: string) => void): Promise<void> {
  const { cacheDir, component, sums } = installation
  const folder = join(cacheDir, folderName(component))
  const lock = {
    path: `${folder}.lock`,
    onWait: (pid: number) => {
      progress(`waiting for process ${pid}, which is downloading ${folderName(component)}`)
    },
  }
  await withLock(lock, async () => {
    // Another start may have installed it while this one waited.
    if (!(await isInstalled(folder, sums))) await install(installation, progress)
  })
}

async function install({ cacheDir, component, sums }: Installation, progress: (line: string) => void): Promise<void> {
  const startedMs = Date.now()
  const name = folderName(component)
  progress(`downloading ${name} …`)
  const temporary = await mkdtemp(join(cacheDir, `.${name}-`))
  try {
    const fetched = join(temporary, 'fetched')
    const ready = join(temporary, 'ready')
    await mkdir(fetched)
    await mkdir(ready)
    await download(component, fetched)
    const actual = await sumsOf(fetched)
    refuseOther({ name, pinned: sums, actual })
    await unpack({ component, fetched, ready })
    await writeFile(join(ready, MARKER), JSON.stringify({ sums: actual, sizes: await sizesOf(ready) }, null, 1))
    // A folder that failed the check above (a file gone, a changed size) is in the way of its successor.
    await rm(join(cacheDir, name), { recursive: true, force: true })
    await rename(ready, join(cacheDir, name))
  } finally {
    await rm(temporary, { recursive: true, force: true })
  }
  progress(`downloaded ${name}, ${Object.keys(sums).length} files verified, ${((Date.now() - startedMs) / 1000).toFixed(1)} s`)
}

function refuseOther({ name, pinned, actual }: { name: string; pinned: Sums; actual: Sums }): void {
  const problems = compareSums(pinned, actual)
  if (problems.length === 0) return
  const lines = problems.map((problem) => `  - ${describeSumProblem(problem)}`)
  throw new StackError(
    'checksum-mismatch',
    `${name}: what was downloaded is not what compose/local/checksums.json pins:\n${lines.join('\n')}`,
  )
}

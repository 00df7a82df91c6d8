import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { cacheFolder } from './cache.ts'
import { StackError } from './errors.ts'
import { withLock } from './lock.ts'
import { readTool, runTool } from './tools.ts'

const LISTS = 'debian-lists'
/** As any user: nothing of the system is changed, so nothing has to be locked. */
const APART = ['-q', '-y', '--no-install-recommends', '-o', 'Debug::NoLocking=1']

/**
 * Debian packages and what they need beyond what is installed, unpacked into the cache: nothing is installed, no daemon
 * is started. Apt verifies what it downloads. Returns the folder that holds their `usr/bin/…`. Throws StackError.
 */
export async function debianFiles(packages: readonly string[], note: (line: string) => void): Promise<string> {
  const cacheDir = cacheFolder(process.env)
  const folder = join(cacheDir, `debian-${[...packages].sort().join('+')}`)
  await locked(folder, note, async () => {
    if (existsSync(folder)) return
    await ensureLists(packages, note)
    note(`downloading Debian's ${packages.join(', ')} …`)
    const temporary = await mkdtemp(join(cacheDir, '.debian-'))
    try {
      const archives = join(temporary, 'archives')
      const root = join(temporary, 'root')
      await mkdir(join(archives, 'partial'), { recursive: true })
      await mkdir(root)
      const at = ['-o', `Dir::Cache::archives=${archives}`, '--download-only', '--reinstall']
      await runTool('apt-get', [...APART, ...at, 'install', ...packages])
      for (const file of await readdir(archives))
        if (file.endsWith('.deb')) await runTool('dpkg-deb', ['--extract', join(archives, file), root])
      await rename(root, folder)
    } finally {
      await rm(temporary, { recursive: true, force: true })
    }
  })
  return folder
}

/** The path of a command, installed with apt-get where it is missing; for what cannot run unpacked. Throws StackError. */
export async function debianCommand(command: string, packages: readonly string[], note: (line: string) => void): Promise<string> {
  return onPath(command) ?? (await installed(command, packages, note))
}

async function installed(command: string, packages: readonly string[], note: (line: string) => void): Promise<string> {
  const wish = `\`${command}\` is needed. Get it: apt-get install ${packages.join(' ')}`
  if (process.getuid?.() !== 0)
    throw new StackError('tool-missing', `${wish}, as root: only root can install it, and this process is not root`)
  return locked(join(cacheFolder(process.env), `debian-install-${command}`), note, async () => {
    const already = onPath(command)
    if (already !== undefined) return already
    await ensureLists(packages, note)
    note(`installing Debian's ${packages.join(', ')} …`)
    // Somebody else may be installing, too.
    await runTool('apt-get', ['-q', '-y', '-o', 'DPkg::Lock::Timeout=300', '--no-install-recommends', 'install', ...packages])
    const path = onPath(command)
    if (path === undefined) throw new StackError('tool-missing', `${wish}: it was installed, and brought no such command`)
    return path
  })
}

function onPath(command: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin']
  return folders.map((folder) => join(folder, command)).find((path) => existsSync(path))
}

/** What is missing where there is no apt, and what to do about it. */
export const withoutApt = (packages: readonly string[]) =>
  `Debian's ${packages.join(', ')} would be fetched, and \`apt-get\` is not on the PATH: this needs Debian or Ubuntu`

/** A fresh machine knows no packages yet. */
async function ensureLists(packages: readonly string[], note: (line: string) => void): Promise<void> {
  if (onPath('apt-get') === undefined) throw new StackError('tool-missing', withoutApt(packages))
  await locked(join(cacheFolder(process.env), LISTS), note, async () => {
    if (await areKnown(packages)) return
    note("reading Debian's lists of packages …")
    await runTool('apt-get', ['-q', 'update'])
    if (!(await areKnown(packages))) throw new StackError('tool-missing', `apt knows no candidate for one of ${packages.join(', ')}`)
  })
}

async function areKnown(packages: readonly string[]): Promise<boolean> {
  const policy = await readTool('apt-cache', ['policy', ...packages])
  const candidates = policy.split('\n').filter((line) => line.trim().startsWith('Candidate:'))
  return candidates.length === packages.length && !candidates.some((line) => line.includes('(none)'))
}

function locked<Result>(path: string, note: (line: string) => void, work: () => Promise<Result>): Promise<Result> {
  return withLock(
    {
      path: `${path}.lock`,
      onWait: (pid) => {
        note(`waiting for process ${pid}, which is installing`)
      },
    },
    work,
  )
}

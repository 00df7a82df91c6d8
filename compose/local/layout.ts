import { mkdir, readdir, rm, rmdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { systemCode } from './errors.ts'

export const REPO_DIR = resolve(import.meta.dirname, '../..')
export const DEFAULT_STACK_DIR = join(REPO_DIR, '.assay', 'stack')

/** Paths of one stack. Only what is named here is ever removed, so that a folder given by mistake keeps the rest. */
export interface StackLayout {
  dir: string
  stateFile: string
  envFile: string
  supervisorLog: string
  dataDir: string
  logDir: string
  pidDir: string
  configDir: string
  pluginDir: string
  /** Journals and reports of the agents: `ASSAY_STATE_DIR`. */
  assayDir: string
}

export function stackLayout(dir: string): StackLayout {
  const root = resolve(dir)
  return {
    dir: root,
    stateFile: join(root, 'stack.json'),
    envFile: join(root, 'env'),
    supervisorLog: join(root, 'supervisor.log'),
    dataDir: join(root, 'data'),
    logDir: join(root, 'logs'),
    pidDir: join(root, 'pids'),
    configDir: join(root, 'config'),
    pluginDir: join(root, 'plugins'),
    assayDir: join(root, 'assay'),
  }
}

export async function createLayout(layout: StackLayout): Promise<void> {
  for (const dir of [layout.dataDir, layout.logDir, layout.pidDir, layout.configDir, layout.pluginDir, layout.assayDir]) {
    await mkdir(dir, { recursive: true })
  }
}

/** What stays on disk after a stop. */
export type Keep = 'nothing' | 'reports' | 'everything'

/** Removes what a stopped stack leaves; `reports` keeps logs and the agents' folder, `everything` the data too. */
export async function clearLayout(layout: StackLayout, keep: Keep): Promise<void> {
  const always = [layout.envFile, layout.pidDir, layout.stateFile]
  const data = [layout.dataDir, layout.configDir, layout.pluginDir]
  const reports = [layout.logDir, layout.assayDir, layout.supervisorLog]
  const removed = { nothing: [...data, ...reports, ...always], reports: [...data, ...always], everything: always }[keep]
  for (const path of removed) await rm(path, { recursive: true, force: true, maxRetries: 3 })
  if (keep === 'nothing') await removeIfEmpty(layout.dir)
}

async function removeIfEmpty(dir: string): Promise<void> {
  try {
    if ((await readdir(dir)).length === 0) await rmdir(dir)
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error
  }
}

import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { runIdText } from '../../../schemas/parts.ts'
import type { Log } from '../../../shared/runtime/log.ts'
import { ARTEFACTS_FILE } from './write-reports.ts'

export interface ReportsKept {
  /** 0: for ever. */
  readonly days: number
  /** Newest of the runs that have an archive, and as many of those that have none; 0: all. */
  readonly runs: number
}

export interface ReportFolder {
  readonly runId: string
  readonly writtenAtMs: number
  /** Runs that did not pass have one. */
  readonly hasArchive: boolean
}

const DAY_MS = 86_400_000
const SWEEP_EVERY_MS = 3_600_000
/** Folders looked at between two turns of the loop, so that a folder of a month delays no verdict. */
const LOOKED_AT_ONCE = 64

/** Runs whose reports may go. Passes are many and alike: they never push out the reports of runs that did not pass. */
export function expiredReports(folders: readonly ReportFolder[], { days, runs }: ReportsKept, nowMs: number): string[] {
  const keptFromMs = days === 0 ? -Infinity : nowMs - days * DAY_MS
  return [true, false].flatMap((hasArchive) =>
    folders
      .filter((folder) => folder.hasArchive === hasArchive)
      .sort((a, b) => b.writtenAtMs - a.writtenAtMs || (a.runId < b.runId ? 1 : -1))
      .filter(({ writtenAtMs }, place) => writtenAtMs < keptFromMs || (runs > 0 && place >= runs))
      .map(({ runId }) => runId),
  )
}

export interface ReportSweeper {
  /** Removes what may go, once an hour at most. Never rejects, and nobody waits for it. */
  sweep(): Promise<void>
}

export function createReportSweeper({
  reportsDir,
  kept,
  log,
  nowMs,
}: {
  readonly reportsDir: string
  readonly kept: ReportsKept
  readonly log: Log
  readonly nowMs: () => number
}): ReportSweeper {
  let nextMs = -Infinity
  let sweeping = Promise.resolve()
  const sweep = async () => {
    const expired = expiredReports(await foldersIn(reportsDir), kept, nowMs())
    for (const runId of expired) await rm(join(reportsDir, runId), { recursive: true, force: true })
    if (expired.length > 0) log.info({ reportsDir, runs: expired.length }, 'reports of old runs were removed')
  }
  return {
    sweep() {
      if (nowMs() < nextMs || (kept.days === 0 && kept.runs === 0)) return sweeping
      nextMs = nowMs() + SWEEP_EVERY_MS
      sweeping = sweeping.then(sweep).catch((error: unknown) => {
        log.warn({ err: error, reportsDir }, 'reports of old runs could not be removed')
      })
      return sweeping
    },
  }
}

/** Only folders that are named like a run: what else lies there is somebody else's. */
async function foldersIn(reportsDir: string): Promise<ReportFolder[]> {
  const entries = await readdir(reportsDir, { withFileTypes: true })
  const runIds = entries.filter((entry) => entry.isDirectory() && runIdText.safeParse(entry.name).success).map(({ name }) => name)
  const folders: ReportFolder[] = []
  for (let at = 0; at < runIds.length; at += LOOKED_AT_ONCE)
    folders.push(...(await Promise.all(runIds.slice(at, at + LOOKED_AT_ONCE).map((runId) => folderOf(reportsDir, runId)))))
  return folders
}

async function folderOf(reportsDir: string, runId: string): Promise<ReportFolder> {
  const [{ mtimeMs }, archive] = await Promise.all([
    stat(join(reportsDir, runId)),
    stat(join(reportsDir, runId, ARTEFACTS_FILE)).catch(() => null),
  ])
  return { runId, writtenAtMs: mtimeMs, hasArchive: archive !== null }
}

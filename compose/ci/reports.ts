import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { CiOutcome } from './outcome.ts'
import type { CiWish } from './wish.ts'

const FETCH_LIMIT_MS = 30_000

/**
 * Brings the run's reports into one folder: copied where they lie on this machine, fetched from the reporter's page
 * where they do not. One that cannot be had is told to `note` and left out: it changes no verdict.
 */
export async function collectReports(
  { runId, reports }: Pick<CiOutcome, 'runId' | 'reports'>,
  { reportDir, reporterUrl }: Pick<CiWish, 'reportDir' | 'reporterUrl'>,
  note: (line: string) => void,
): Promise<string[]> {
  await mkdir(reportDir, { recursive: true })
  const kept: string[] = []
  for (const report of reports) {
    const path = join(reportDir, basename(report))
    try {
      if (existsSync(report)) await copyFile(report, path)
      else await writeFile(path, await fetched(`${runId}/${basename(report)}`, reporterUrl))
      kept.push(path)
    } catch (error) {
      note(`report ${report} was not kept: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  return kept
}

async function fetched(path: string, reporterUrl: string | null): Promise<Uint8Array> {
  if (reporterUrl === null) throw new Error('it lies on another machine, and no reporter-url was given')
  const url = `${reporterUrl.replace(/\/$/, '')}/runs/${path}`
  const response = await fetch(url, { signal: AbortSignal.timeout(FETCH_LIMIT_MS) })
  if (!response.ok) throw new Error(`${url} answered ${response.status}`)
  return new Uint8Array(await response.arrayBuffer())
}

import { mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Log } from '../../../shared/runtime/log.ts'
import { archiveOf, type ArchivedFile } from './archive.ts'
import { artefactFiles } from './artefacts.ts'
import type { KeptFacts } from './fact-keeper.ts'
import { reportFormats } from './report-formats.ts'
import type { ReportSource } from './report-source.ts'

export const ARTEFACTS_FILE = 'artefacts.tar.gz'

export interface ReportsPorts {
  /** One folder a run. */
  readonly reportsDir: string
  readonly log: Log
  /** For the archive of a run that is no pass. */
  readonly factsOf: (runId: string) => KeptFacts
  readonly logLinesOf: (runId: string) => readonly string[]
}

/**
 * Writes every format, and the archive of a run that did not pass; gives the paths. A disk that is full must not cost
 * the verdict: what could not be written is logged, and left out of the list.
 */
export async function writeReports(source: ReportSource, { reportsDir, log, factsOf, logLinesOf }: ReportsPorts): Promise<string[]> {
  const { run, judgement, atMs } = source
  const { runId } = run
  const paths: string[] = []
  const reports: ArchivedFile[] = []
  const put = async (name: string, make: () => string | Promise<Buffer>) => {
    const path = join(reportsDir, runId, name)
    try {
      await mkdir(join(reportsDir, runId), { recursive: true })
      const made = await make()
      await writeFile(`${path}.part`, made)
      await rename(`${path}.part`, path)
      paths.push(path)
      if (typeof made === 'string') reports.push({ name, text: made })
    } catch (error) {
      log.error({ runId, path, err: error }, 'a report could not be written')
    }
  }
  for (const { fileName, render } of reportFormats) await put(fileName, () => render(source))
  if (judgement.verdict !== 'pass') {
    const files = () => artefactFiles({ source, facts: factsOf(runId), logLines: logLinesOf(runId), reports })
    await put(ARTEFACTS_FILE, () => archiveOf(`assay-${runId}`, files(), atMs))
  }
  log.info({ runId, verdict: judgement.verdict, reasons: judgement.reasons, paths }, 'judged')
  return paths
}

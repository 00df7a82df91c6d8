import { mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Log } from '../../../shared/runtime/log.ts'
import { archiveOf, type ArchivedFile } from './archive.ts'
import { artefactFiles } from './artefacts.ts'
import type { KeptFacts } from './fact-keeper.ts'
import { reportFormats } from './report-formats.ts'
import type { RawEvidence } from './raw-evidence.ts'
import type { ReportSource } from './report-source.ts'

export const ARTEFACTS_FILE = 'artefacts.tar.gz'

export interface ReportsPorts {
  /** One folder a run. */
  readonly reportsDir: string
  readonly log: Log
  /** For the archive of a run that is no pass. */
  readonly factsOf: (runId: string) => KeptFacts
  readonly logLinesOf: (runId: string) => readonly string[]
  /** Settles when the other agents had the time to say what they logged. */
  readonly othersTold: () => Promise<unknown>
  /** Asks the pipeline itself, which takes a while; null where it must not be asked. Never rejects. */
  readonly fetchRaw: ((source: ReportSource) => Promise<RawEvidence>) | null
}

export interface WrittenReports {
  readonly paths: string[]
  /** Settles when the archive has what had to be fetched and what others had to say. The verdict does not wait for it. */
  readonly completed: Promise<void>
}

/**
 * Writes every format, and once it has its verdict the archive of a run that did not pass; gives the paths. A disk that is full must not cost
 * the verdict: what could not be written is logged, and left out of the list.
 */
export async function writeReports(source: ReportSource, ports: ReportsPorts): Promise<WrittenReports> {
  const { reportsDir, log, factsOf, logLinesOf, othersTold, fetchRaw } = ports
  const { run, judgement, isEarly, atMs } = source
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
      if (typeof made === 'string') reports.push({ name, content: made })
      return path
    } catch (error) {
      log.error({ runId, path, err: error }, 'a report could not be written')
      return null
    }
  }
  const note = (path: string | null) => {
    if (path !== null) paths.push(path)
  }
  for (const { fileName, render } of reportFormats) note(await put(fileName, () => render(source)))
  let completed: Promise<unknown> = Promise.resolve()
  if (judgement.verdict !== 'pass' && !isEarly) {
    const putArchive = (raw: RawEvidence | null) =>
      put(ARTEFACTS_FILE, () => {
        const files = artefactFiles({ source, facts: factsOf(runId), logLines: logLinesOf(runId), reports, raw })
        return archiveOf(`assay-${runId}`, files, atMs)
      })
    note(await putArchive(null))
    completed = Promise.all([fetchRaw === null ? null : fetchRaw(source), othersTold()]).then(([raw]) => putArchive(raw))
  }
  log.info({ runId, verdict: judgement.verdict, reasons: judgement.reasons, paths }, isEarly ? 'judged early' : 'judged')
  return { paths, completed: completed.then(() => undefined) }
}

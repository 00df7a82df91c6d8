import { timeText } from './figures.ts'
import type { KeptFacts } from './fact-keeper.ts'
import { lookCommands, violationGroups } from './locate.ts'
import type { ArchivedFile } from './archive.ts'
import type { ReportSource } from './report-source.ts'

/** Of one file, and of all together: what does not fit is named. */
export const FILE_CHARS_MAX = 16 * 1024 * 1024
export const ARCHIVE_CHARS_MAX = 48 * 1024 * 1024
const RECORDS_MAX = 20_000

export interface ArtefactSource {
  readonly source: ReportSource
  readonly facts: KeptFacts
  /** Log lines of the reporter that speak of the run or of none. */
  readonly logLines: readonly string[]
  readonly reports: readonly ArchivedFile[]
}

/**
 * What somebody needs who looks at the run elsewhere and later: its facts, from which the verdict can be computed
 * again, the records accused, snapshots and files named, the reporter's log, the reports; and a list of what was left out.
 */
export function artefactFiles({ source, facts, logLines, reports }: ArtefactSource): ArchivedFile[] {
  const leftOut: string[] = facts.leftOut.map(
    ({ kind, count }) => `facts.jsonl: ${count} facts of kind ${kind}, beyond what is kept of a run`,
  )
  const records = recordLines(source)
  if (records.all > records.lines.length)
    leftOut.push(`records.jsonl: ${records.all - records.lines.length} of ${records.all} findings; facts.jsonl has them`)
  const wanted: ArchivedFile[] = [
    { name: 'facts.jsonl', text: linesText(facts.lines) },
    ...reports,
    { name: 'records.jsonl', text: linesText(records.lines) },
    { name: 'snapshots.jsonl', text: linesText(snapshotLines(source)) },
    { name: 'reporter.log.jsonl', text: linesText(logLines) },
  ]
  const kept: ArchivedFile[] = []
  let chars = 0
  for (const file of wanted) {
    if (file.text.length > FILE_CHARS_MAX || chars + file.text.length > ARCHIVE_CHARS_MAX) {
      leftOut.push(`${file.name}: ${file.text.length} characters are too many`)
      continue
    }
    chars += file.text.length
    kept.push(file)
  }
  return [{ name: 'CONTENTS.txt', text: contentsText(source, kept, leftOut) }, ...kept]
}

const linesText = (lines: readonly string[]) => lines.map((line) => `${line}\n`).join('')

/** Each finding with where its record lies and how to see it; the record itself stays in the pipeline. */
function recordLines({ run, evidence, environment }: ReportSource): { lines: string[]; all: number } {
  const located = violationGroups(run, evidence).flatMap((group) => group.located)
  const lines = located.slice(0, RECORDS_MAX).map((one) => {
    const { violation, hop, field, expected, actual, partition, offset, snapshotId, file, traceId, standing } = one.violation
    const look = lookCommands(run, one, environment.pipelineKafka)
    const place = { topic: one.topic, partition, offset, snapshotId, file }
    return JSON.stringify({
      canaryId: one.canaryId,
      seqs: standing.ranges,
      kind: violation,
      hop,
      field,
      expected,
      actual,
      ...place,
      traceId,
      look,
    })
  })
  return { lines, all: located.length }
}

function snapshotLines({ evidence }: ReportSource): string[] {
  const files = new Map<string, Set<string>>()
  for (const { snapshotId, file, standing } of evidence.violations.values()) {
    if (snapshotId === null || standing.isEmpty) continue
    const named = files.get(snapshotId) ?? new Set()
    if (file !== null) named.add(file)
    files.set(snapshotId, named)
  }
  const read = evidence.snapshots.map(
    ({ hop, snapshotId, parentId, committedAtMs, operation, filesAdded, rowsAdded, bytesAdded, sourceOffsets }) =>
      JSON.stringify({
        ...{ hop, snapshotId, parentId, committedAtMs, operation, filesAdded, rowsAdded, bytesAdded, sourceOffsets },
        filesAccused: [...(files.get(snapshotId) ?? [])],
      }),
  )
  const known = new Set(evidence.snapshots.map(({ snapshotId }) => snapshotId))
  const others = [...files].filter(([snapshotId]) => !known.has(snapshotId))
  return [...read, ...others.map(([snapshotId, named]) => JSON.stringify({ snapshotId, filesAccused: [...named] }))]
}

const purposes: Readonly<Record<string, string>> = {
  'facts.jsonl': 'every fact about the run as the reporter heard it, in order: the verdict is a function of these',
  'records.jsonl': 'each finding: the record, where it lies, what was expected and found, how to see it',
  'snapshots.jsonl': 'snapshots of the table that were read, and data files that findings name',
  'reporter.log.jsonl': "the reporter's log lines about the run",
}

function contentsText({ run, judgement, atMs }: ReportSource, kept: readonly ArchivedFile[], leftOut: readonly string[]): string {
  const rows = kept.map(({ name, text }) => `  ${name}  ${text.length} characters  ${purposes[name] ?? 'the report'}`)
  return [
    `Run ${run.runId}, plan ${run.accepted.planName}: ${judgement.verdict}, judged ${timeText(atMs)}`,
    ...judgement.reasons.slice(0, 20).map((reason) => `  ${reason}`),
    '',
    'Files',
    ...rows,
    '',
    'Left out',
    ...(leftOut.length === 0 ? ['  nothing'] : leftOut.map((text) => `  ${text}`)),
    '',
  ].join('\n')
}

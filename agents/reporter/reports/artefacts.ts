import { momentText } from '../../../shared/core/moment-text.ts'
import type { KeptFacts } from './fact-keeper.ts'
import { lookCommands, violationGroups } from './locate.ts'
import type { ArchivedFile } from './archive.ts'
import type { RawEvidence } from './raw-evidence.ts'
import type { ReportSource } from './report-source.ts'

/** Of one file, and of all together, in characters or bytes: what does not fit is named. */
export const FILE_LENGTH_MAX = 16 * 1024 * 1024
export const ARCHIVE_LENGTH_MAX = 48 * 1024 * 1024
const RECORDS_MAX = 20_000

export interface ArtefactSource {
  readonly source: ReportSource
  readonly facts: KeptFacts
  /** Of the reporter itself. */
  readonly logLines: readonly string[]
  readonly reports: readonly ArchivedFile[]
  /** Null as long as it was not fetched. */
  readonly raw: RawEvidence | null
}

/**
 * What somebody needs who looks at the run elsewhere and later: its facts, from which the verdict can be computed
 * again, the records accused (also as they stand in Kafka), snapshots and files named with their manifests, what each agent
 * logged about it, the reports; and a list of what was left out.
 */
export function artefactFiles({ source, facts, logLines, reports, raw }: ArtefactSource): ArchivedFile[] {
  const leftOut: string[] = facts.leftOut.map(
    ({ kind, count }) => `facts.jsonl: ${count} facts of kind ${kind}, beyond what is kept of a run`,
  )
  for (const [teller, { linesLeftOut }] of facts.logs) if (linesLeftOut > 0) leftOut.push(`${teller}${LOG}: ${linesLeftOut} older lines`)
  leftOut.push(...(raw === null ? ['raw records and manifests: not fetched'] : raw.leftOut))
  const records = recordLines(source)
  if (records.all > records.lines.length)
    leftOut.push(`records.jsonl: ${records.all - records.lines.length} of ${records.all} findings; facts.jsonl has them`)
  const wanted: ArchivedFile[] = [
    { name: 'facts.jsonl', content: linesText(facts.lines) },
    ...reports,
    { name: 'records.jsonl', content: linesText(records.lines) },
    { name: 'snapshots.jsonl', content: linesText(snapshotLines(source)) },
    { name: `reporter${LOG}`, content: linesText(logLines) },
    ...[...facts.logs].map(([teller, { lines }]) => ({ name: `${teller.replaceAll(/[^\w.-]/g, '_')}${LOG}`, content: linesText(lines) })),
    ...(raw?.files ?? []),
  ]
  const kept: ArchivedFile[] = []
  let length = 0
  for (const file of wanted) {
    if (file.content.length > FILE_LENGTH_MAX || length + file.content.length > ARCHIVE_LENGTH_MAX) {
      leftOut.push(`${file.name}: ${lengthText(file)} are too many`)
      continue
    }
    length += file.content.length
    kept.push(file)
  }
  return [{ name: 'CONTENTS.txt', content: contentsText(source, kept, leftOut) }, ...kept]
}

const lengthText = ({ content }: ArchivedFile) => `${content.length} ${typeof content === 'string' ? 'characters' : 'bytes'}`

const linesText = (lines: readonly string[]) => lines.map((line) => `${line}\n`).join('')

/** Each finding with where its record lies and how to see it. */
function recordLines({ run, evidence, environment }: ReportSource): { lines: string[]; all: number } {
  const located = violationGroups(run, evidence).flatMap((group) => group.located)
  const lines = located.slice(0, RECORDS_MAX).map((one) => {
    const { violation, hop, field, expected, actual, partition, offset, snapshotId, file, traceId, standing } = one.violation
    const look = lookCommands(run, one, environment)
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
  'raw-records.jsonl': 'the records that findings name, as they stand in Kafka: key, value and headers in base64',
  'snapshots.jsonl': 'snapshots of the table that were read, and data files that findings name',
}

/** How names of files end that hold what an agent logged; before it stand agent and instance. */
const LOG = '.log.jsonl'
const METADATA = 'of the table: its metadata, and manifest list and manifests of snapshots that findings name'

function purposeOf(name: string): string {
  if (name.endsWith(LOG)) return 'log lines that speak of the run or of none'
  return purposes[name] ?? (name.includes('/') ? METADATA : 'the report')
}

function contentsText({ run, judgement, atMs }: ReportSource, kept: readonly ArchivedFile[], leftOut: readonly string[]): string {
  const rows = kept.map((file) => `  ${file.name}  ${lengthText(file)}  ${purposeOf(file.name)}`)
  return [
    `Run ${run.runId}, plan ${run.accepted.planName}: ${judgement.verdict}, judged ${momentText(atMs)}`,
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

import { createReadStream } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { anchors, AuditCheck, type AuditEntry, type AuditHead } from './audit-chain.ts'

/** `audit-2026-11-23.jsonl`: one file a day, by UTC. */
export const auditFileName = (day: string) => `audit-${day}.jsonl`
export const auditDay = (file: string) => basename(file).slice('audit-'.length, -'.jsonl'.length)
export const dayOf = (atMs: number) => new Date(atMs).toISOString().slice(0, 10)
const auditFilePattern = /^audit-\d{4}-\d{2}-\d{2}\.jsonl$/

/** Where the trail lies below the reporter's state folder. */
export const auditDirOf = (stateDir: string) => join(stateDir, 'audit')

/** The files of a trail, oldest first; none when the folder is not there. */
export async function auditFilesIn(dir: string): Promise<string[]> {
  try {
    return (await readdir(dir))
      .filter((name) => auditFilePattern.test(name))
      .sort()
      .map((name) => join(dir, name))
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw error
  }
}

export interface AuditBreak {
  readonly file: string
  /** Counts from 1. */
  readonly line: number
  readonly problem: string
}

export interface AuditReading {
  readonly entries: number
  /** Null when there is no entry. */
  readonly first: AuditEntry | null
  /** The entry that says that what was before `first` was removed for its age; null where there is none. */
  readonly anchor: AuditEntry | null
  readonly head: AuditHead | null
  readonly broken: AuditBreak | null
  /** A last line without its end, as a crash leaves one. */
  readonly torn: { readonly file: string; readonly atByte: number; readonly bytes: Buffer } | null
  /** Whether the head that was kept elsewhere stands in the chain; null when none was given. */
  readonly knowsKept: boolean | null
}

export interface AuditReadOptions {
  readonly onEntry?: (entry: AuditEntry) => void
  /** A head that was kept elsewhere. */
  readonly kept?: string | null
}

/** Reads files of one trail in their order, and checks each line. The first break is told; reading goes on. */
export async function readAudit(files: readonly string[], { onEntry, kept = null }: AuditReadOptions = {}): Promise<AuditReading> {
  const check = new AuditCheck()
  let entries = 0
  let first: AuditEntry | null = null
  let anchor: AuditEntry | null = null
  let broken: AuditBreak | null = null
  let torn: AuditReading['torn'] = null
  let knowsKept = false
  for (const [index, file] of files.entries()) {
    check.nextFile()
    let line = 0
    for await (const part of linesOf(file)) {
      line++
      if (!part.ended) {
        torn = index === files.length - 1 ? { file, atByte: part.atByte, bytes: part.bytes } : null
        broken ??= { file: basename(file), line, problem: 'it is cut off: no line end' }
        continue
      }
      const checked = check.check(part.bytes.toString('utf8'))
      if (!checked.ok) {
        broken ??= { file: basename(file), line, problem: checked.problem }
        continue
      }
      entries++
      first ??= checked.entry
      if (anchors(checked.entry, first)) anchor = checked.entry
      if (checked.entry.hash === kept) knowsKept = true
      onEntry?.(checked.entry)
    }
    if (line === 0) broken ??= { file: basename(file), line: 1, problem: 'the file is empty' }
  }
  return { entries, first, anchor, head: check.head, broken, torn, knowsKept: kept === null ? null : knowsKept }
}

interface LinePart {
  readonly bytes: Buffer
  readonly atByte: number
  readonly ended: boolean
}

const LINE_END = 0x0a
/** No entry is as long: what is, is none. */
const LINE_BYTES_MAX = 16 * 1024 * 1024

async function* linesOf(file: string): AsyncGenerator<LinePart> {
  const { size } = await stat(file)
  if (size === 0) return
  let rest: Buffer = Buffer.alloc(0)
  let atByte = 0
  for await (const chunk of createReadStream(file, { end: size - 1 }) as AsyncIterable<Buffer>) {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    for (let end = rest.indexOf(LINE_END); end >= 0; end = rest.indexOf(LINE_END)) {
      yield { bytes: rest.subarray(0, end), atByte, ended: true }
      atByte += end + 1
      rest = rest.subarray(end + 1)
    }
    if (rest.length > LINE_BYTES_MAX) break
  }
  if (rest.length > 0) yield { bytes: rest, atByte, ended: false }
}

import { basename } from 'node:path'
import { existsSync } from 'node:fs'
import type { AuditEntry, AuditLink } from '../../shared/runtime/audit-chain.ts'
import { auditDirOf, auditFilesIn, readAudit, type AuditReading } from '../../shared/runtime/audit-files.ts'
import { badInput } from './arguments.ts'
import type { Command } from './command.ts'
import { exitCodes } from './exit-codes.ts'

const HASH = /^[0-9a-f]{64}$/

export const auditCommand: Command = {
  command: 'audit',
  summary: "verifies the reporter's audit trail: that no entry was changed, taken out, moved or put in",
  positionals: [{ name: 'verify', required: true, help: 'what to do with it; there is only this' }],
  options: {
    file: { type: 'string', multiple: true, value: 'path', help: 'these files in their order; by default all of the state folder' },
    head: { type: 'string', value: 'hash', help: 'a head that was kept elsewhere: it must stand in the trail, else its end was cut off' },
    json: { type: 'boolean', help: 'the outcome as JSON on standard output' },
  },
  async run({ given, terminal }) {
    if (given.positionals[0] !== 'verify') throw badInput(`assay audit: expected verify, got ${given.positionals[0] ?? 'nothing'}`)
    const kept = given.text('head')?.toLowerCase() ?? null
    if (kept !== null && !HASH.test(kept)) throw badInput(`--head: expected 64 hex digits, got ${kept}`)
    const isWhole = given.list('file').length === 0
    const files = isWhole ? await trailOf(process.env['ASSAY_STATE_DIR'] ?? '.assay') : given.list('file')
    const gone = files.filter((file) => !existsSync(file))
    if (gone.length > 0) throw badInput(`--file: ${gone.join(', ')} is not there`)
    const told = toldReading(files, await readAudit(files, { kept }), isWhole)
    terminal.out(given.flag('json') ? JSON.stringify(told.json, null, 2) : told.lines.join('\n'))
    return told.intact ? exitCodes.pass.code : exitCodes.fail.code
  },
}

async function trailOf(stateDir: string): Promise<string[]> {
  const dir = auditDirOf(stateDir)
  const files = await auditFilesIn(dir)
  if (files.length === 0) throw badInput(`${dir} holds no audit trail; ASSAY_STATE_DIR names the reporter's state folder, --file a file`)
  return files
}

/** `isWhole`: the files are all there are, and must begin where the trail began or say why not. */
export function toldReading(
  files: readonly string[],
  { entries, first, anchor, head, broken, knowsKept }: AuditReading,
  isWhole: boolean,
): { intact: boolean; lines: string[]; json: object } {
  const beginsLater = first !== null && first.seq > 1
  const problem =
    broken ??
    (beginsLater && isWhole && anchor === null
      ? {
          file: basename(files[0] ?? ''),
          line: 1,
          problem: `the beginning is missing: ${beginning(first)}, and no entry says that what was before was removed`,
        }
      : null) ??
    (knowsKept === false ? { file: basename(files.at(-1) ?? ''), line: null, problem: 'the head that was kept is not in it' } : null)
  const names = files.map((file) => basename(file))
  const json = {
    intact: problem === null,
    files: names,
    entries,
    firstSeq: first?.seq ?? null,
    head: head?.hash ?? null,
    lastSeq: head?.seq ?? null,
    removedBefore: anchor === null ? null : { entrySeq: anchor.seq, writtenAtMs: anchor['writtenAtMs'] ?? null },
    broken: problem,
  }
  if (problem !== null) {
    const place = problem.line === null ? problem.file : `${problem.file} line ${problem.line}`
    return { intact: false, lines: [`broken: ${place}: ${problem.problem}`], json }
  }
  const lines = [
    `intact: ${entries} entries in ${files.length === 1 ? (names[0] ?? '') : `${files.length} files`}, seq ${first?.seq ?? 0} to ${head?.seq ?? 0}`,
    ...(beginsLater ? [`${beginning(first)}: what was before ${whereBefore(anchor)}`] : []),
    `head ${head?.hash ?? ''}`,
    ...(knowsKept === null
      ? ['Keep the head elsewhere: only by it (--head) a trail that was cut off at its end shows.']
      : ['the head that was kept is in it']),
  ]
  return { intact: true, lines, json }
}

const beginning = ({ seq }: AuditLink) => `it begins with seq ${seq}`

function whereBefore(anchor: AuditEntry | null): string {
  if (anchor === null) return 'is in earlier files'
  const { writtenAtMs, reason, seq } = anchor
  const when = typeof writtenAtMs === 'number' ? ` on ${new Date(writtenAtMs).toISOString().slice(0, 10)}` : ''
  return `was removed${when}, as entry ${seq} says${typeof reason === 'string' ? `: ${reason}` : ''}`
}

import { createHash } from 'node:crypto'

/**
 * A chain of entries, one JSON line each, of which every one holds the hash of the one before: whoever changes, takes
 * out, moves or adds a line has to change every line after it, and then the last hash is another one than was kept
 * elsewhere. Lines are canonical (RFC 8785), so that a single changed byte shows.
 */
export interface AuditLink {
  /** Counts from 1, on through all files. */
  readonly seq: number
  /** Hash of the entry before, 64 hex digits; zeros for the first. */
  readonly prev: string
}

export type AuditValue = string | number | boolean | null | readonly AuditValue[] | { readonly [name: string]: AuditValue | undefined }

export interface AuditBody {
  readonly kind: string
  readonly [name: string]: AuditValue | undefined
}

export type AuditEntry = AuditBody & AuditLink & { readonly hash: string }

export const NO_ENTRY: AuditHead = { seq: 0, hash: '0'.repeat(64) }
/** Each file begins with an entry of this kind, so that lines missing at its start show. */
export const OPENED = 'file-opened'
/** Says which files are about to be removed: the chain begins anew behind one of them, and is whole all the same. */
export const REMOVED = 'files-removed'

/** A file that is removed for its age, with the head it leaves. Null where it held no entry. */
export interface RemovedFile {
  readonly file: string
  readonly lastSeq: number | null
  readonly lastHash: string | null
}

/** Whether the entry says that all before `first` was removed on purpose. */
export function anchors({ kind, files }: AuditEntry, first: AuditLink): boolean {
  if (kind !== REMOVED || !Array.isArray(files)) return false
  return (files as readonly (Partial<RemovedFile> | null)[]).some(
    (removed) => removed?.lastSeq === first.seq - 1 && removed.lastHash === first.prev,
  )
}

export interface AuditHead {
  readonly seq: number
  readonly hash: string
}

/** The line of an entry behind `head`, without its line end, and the head it makes. */
export function auditLine(body: AuditBody, head: AuditHead): { readonly line: string; readonly head: AuditHead } {
  const linked = { ...body, seq: head.seq + 1, prev: head.hash }
  const hash = sha256(canonicalJson(linked))
  return { line: canonicalJson({ ...linked, hash }), head: { seq: linked.seq, hash } }
}

export const sha256 = (text: string | Uint8Array) => createHash('sha256').update(text).digest('hex')

/** JSON with sorted names and no spaces. Numbers and texts are written as ECMAScript does, which is what RFC 8785 asks for. */
export function canonicalJson(value: AuditValue): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  if (isList(value)) return `[${value.map(canonicalJson).join(',')}]`
  const named = Object.keys(value)
    .sort()
    .flatMap((name) => {
      const member = value[name]
      return member === undefined ? [] : [`${JSON.stringify(name)}:${canonicalJson(member)}`]
    })
  return `{${named.join(',')}}`
}

const isList = (value: object): value is readonly AuditValue[] => Array.isArray(value)

/** What a line is, or what is wrong with it: the place where a chain breaks. */
export type CheckedLine = { readonly ok: true; readonly entry: AuditEntry } | { readonly ok: false; readonly problem: string }

/** Checks lines one after the other. It goes on behind a broken one from what that line says of itself. */
export class AuditCheck {
  #head: AuditHead | null = null
  #expectsOpened = true

  /** Null before the first entry. */
  get head(): AuditHead | null {
    return this.#head
  }

  /** The next line is the first of a file. */
  nextFile(): void {
    this.#expectsOpened = true
  }

  check(line: string): CheckedLine {
    const entry = entryOf(line)
    if (entry === null) return { ok: false, problem: 'not an entry: expected one JSON object with seq, prev, kind and hash' }
    const problem = this.#problemOf(line, entry)
    this.#head = { seq: entry.seq, hash: entry.hash }
    this.#expectsOpened = false
    return problem === null ? { ok: true, entry } : { ok: false, problem }
  }

  #problemOf(line: string, entry: AuditEntry): string | null {
    const { hash, ...rest } = entry
    const before = this.#head
    const content = sha256(canonicalJson(rest))
    if (content !== hash) return `its content was changed: it says hash ${hash}, its content gives ${content}`
    if (canonicalJson(entry) !== line) return 'its text was changed: it is not written as Assay writes it'
    if (before !== null && entry.seq !== before.seq + 1)
      return `expected seq ${before.seq + 1}, got ${entry.seq}: ${entry.seq > before.seq + 1 ? 'lines are missing before it' : 'it does not belong here'}`
    if (before !== null && entry.prev !== before.hash)
      return `the entry before was changed or replaced: expected previous hash ${before.hash}, got ${entry.prev}`
    if (entry.seq < 1 || (entry.seq === 1 && entry.prev !== NO_ENTRY.hash)) return `seq ${entry.seq} with previous hash ${entry.prev}`
    if (this.#expectsOpened !== (entry.kind === OPENED))
      return this.#expectsOpened ? `expected ${OPENED} as the first line of a file, got ${entry.kind}` : `${OPENED} in the middle of a file`
    return null
  }
}

const HASH = /^[0-9a-f]{64}$/

function entryOf(line: string): AuditEntry | null {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
  return isEntry(value) ? value : null
}

function isEntry(value: unknown): value is AuditEntry {
  if (typeof value !== 'object' || value === null) return false
  const { seq, prev, kind, hash } = value as Readonly<Record<string, unknown>>
  return Number.isSafeInteger(seq) && isHash(prev) && isHash(hash) && typeof kind === 'string'
}

const isHash = (value: unknown) => typeof value === 'string' && HASH.test(value)

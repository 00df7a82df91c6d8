import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { auditLine, NO_ENTRY, OPENED } from '../../shared/runtime/audit-chain.ts'
import { runAssay } from './dispatch.ts'

let dir: string
let file: string
let said: string[]
let head = NO_ENTRY

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'assay-audit-'))
  file = join(dir, 'audit-2026-11-23.jsonl')
  said = []
  head = NO_ENTRY
  const lines = [{ kind: OPENED }, { kind: 'requested', by: 'ann' }, { kind: 'judged', verdict: 'fail' }].map((body) => {
    const made = auditLine(body, head)
    head = made.head
    return `${made.line}\n`
  })
  writeFileSync(file, lines.join(''))
})
afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(dir, { recursive: true, force: true })
})

const audit = (...args: string[]) => {
  const say = (text: string) => void said.push(text)
  return runAssay(['audit', ...args], { out: say, note: say } as never)
}
const change = (edit: (text: string) => string) => {
  writeFileSync(file, edit(readFileSync(file, 'utf8')))
}

it('ends with 0 for an intact trail, and tells the head to keep', async () => {
  expect(await audit('verify', '--file', file)).toBe(0)
  expect(said.join('\n')).toContain(`intact: 3 entries in audit-2026-11-23.jsonl, seq 1 to 3\nhead ${head.hash}`)
  expect(await audit('verify', '--file', file, '--head', head.hash)).toBe(0)
})

it.each([
  [
    'an edited line',
    (text: string) => text.replace('"fail"', '"pass"'),
    /^broken: audit-2026-11-23\.jsonl line 3: its content was changed/,
  ],
  ['a line taken out', (text: string) => text.split('\n').toSpliced(1, 1).join('\n'), /line 2: expected seq 2, got 3: lines are missing/],
  ['a torn end', (text: string) => text.slice(0, -5), /line 3: it is cut off/],
  ['an empty file', () => '', /line 1: the file is empty/],
])('ends with 1 for %s, and says where and what', async (_what, edit, problem) => {
  change(edit)
  expect(await audit('verify', '--file', file)).toBe(1)
  expect(said.join('\n')).toMatch(problem)
})

it('finds an end that was cut off by the head that was kept', async () => {
  change((text) => text.split('\n').slice(0, 2).join('\n') + '\n')
  expect(await audit('verify', '--file', file)).toBe(0)
  expect(await audit('verify', '--file', file, '--head', head.hash)).toBe(1)
})

it('says of a trail that begins later whether what was before was removed for its age, and calls it broken where not', async () => {
  const state = join(dir, 'state')
  mkdirSync(join(state, 'audit'), { recursive: true })
  vi.stubEnv('ASSAY_STATE_DIR', state)
  const later = (body: object) => {
    const opened = auditLine({ kind: OPENED }, head)
    const next = auditLine({ kind: 'files-removed', reason: 'older than 400 days', writtenAtMs: 0, ...body }, opened.head)
    writeFileSync(join(state, 'audit', 'audit-2026-11-24.jsonl'), `${opened.line}\n${next.line}\n`)
  }
  later({ files: [{ file: 'audit-2026-11-23.jsonl', lastSeq: 3, lastHash: head.hash }] })
  expect(await audit('verify')).toBe(0)
  expect(said.join('\n')).toContain('it begins with seq 4: what was before was removed on 1970-01-01, as entry 5 says: older than 400 days')
  later({ files: [{ file: 'audit-2026-11-23.jsonl', lastSeq: 3, lastHash: NO_ENTRY.hash }] })
  expect(await audit('verify')).toBe(1)
  expect(said.at(-1)).toBe(
    'broken: audit-2026-11-24.jsonl line 1: the beginning is missing: it begins with seq 4, and no entry says that what was before was removed',
  )
  said = []
  expect(await audit('verify', '--file', join(state, 'audit', 'audit-2026-11-24.jsonl'))).toBe(0)
  expect(said.join('\n')).toContain('it begins with seq 4: what was before is in earlier files')
})

it.each([
  [['look'], /expected verify, got look/],
  [['verify', '--file', '/nowhere/audit.jsonl'], /is not there/],
  [['verify', '--head', 'abc'], /expected 64 hex digits/],
])('refuses %j', async (args, problem) => {
  expect(await audit(...args)).toBe(64)
  expect(said.join('\n')).toMatch(problem)
})

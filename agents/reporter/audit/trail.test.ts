import { appendFileSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { auditFilesIn, readAudit } from '../../../shared/runtime/audit-files.ts'
import type { AuditEntry } from '../../../shared/runtime/audit-chain.ts'
import type { Log } from '../../../shared/runtime/log.ts'
import type { AuditFact } from './entries.ts'
import { createAuditTrail } from './trail.ts'

const DAY_MS = 86_400_000
const START_MS = Date.UTC(2026, 10, 23, 12)
let dir: string
let nowMs: number
let logged: object[]
const note = (fields: object, message: string) => void logged.push({ ...fields, message })
const log: Log = { debug: note, info: note, warn: note, error: note, fatal: note, child: () => log }

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'assay-audit-'))
  nowMs = START_MS
  logged = []
})
afterEach(() => {
  rmSync(dir, { recursive: true, force: true })
})

const facts = (from: number, count: number): AuditFact[] =>
  Array.from({ length: count }, (_, i) => ({ kind: 'stage', key: `stage/${from + i}`, stage: `s${from + i}` }))
const started = (settings: Record<string, string> = {}, keepDays = 0) =>
  createAuditTrail({ dir: join(dir, 'audit'), log, nowMs: () => nowMs, keepDays, environment: { kind: 'started', version: '1' }, settings })

/** One life of the reporter. */
async function life(told: readonly AuditFact[], settings: Record<string, string> = {}): Promise<void> {
  const trail = started(settings)
  trail.tell(told)
  await trail.close()
}

async function read() {
  const entries: AuditEntry[] = []
  const reading = await readAudit(await auditFilesIn(join(dir, 'audit')), { onEntry: (entry) => entries.push(entry) })
  return {
    ...reading,
    entries,
    kinds: entries.map(({ kind }) => kind),
    keys: entries.flatMap(({ key }) => (typeof key === 'string' ? [key] : [])),
  }
}
const onlyFile = () => join(dir, 'audit', readdirSync(join(dir, 'audit'))[0] ?? '')

describe('the audit trail', () => {
  it('chains what it is told behind a first entry about itself, for its owner alone', async () => {
    await life(facts(0, 3))
    const { broken, kinds, entries } = await read()
    expect(broken).toBeNull()
    expect(kinds).toEqual(['file-opened', 'started', 'stage', 'stage', 'stage'])
    expect(entries.at(-1)).toMatchObject({ seq: 5, stage: 's2', writtenAtMs: START_MS })
    expect(statSync(onlyFile()).mode & 0o777).toBe(0o600)
    expect(statSync(join(dir, 'audit')).mode & 0o777).toBe(0o700)
  })

  it('writes nothing twice, however the topics are heard again and whenever the reporter was killed', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ from: fc.nat(20), count: fc.integer({ min: 1, max: 20 }), cut: fc.nat(200) }), { minLength: 1, maxLength: 5 }),
        async (lives) => {
          rmSync(join(dir, 'audit'), { recursive: true, force: true })
          const told = new Set<string>()
          for (const { from, count, cut } of lives) {
            await life([...facts(0, from), ...facts(from, count)])
            for (const { key } of facts(0, from + count)) told.add(key)
            // A crash in the middle of a write: a last line that was never whole.
            appendFileSync(onlyFile(), '{"kind":"stage","seq"'.slice(0, cut % 21))
          }
          await life(facts(0, 40))
          const { broken, keys } = await read()
          expect(broken).toBeNull()
          expect(keys).toEqual(
            facts(0, 40)
              .map(({ key }) => key)
              .sort((a, b) => keys.indexOf(a) - keys.indexOf(b)),
          )
          expect(new Set(keys).size).toBe(40)
        },
      ),
      { numRuns: 15 },
    )
  })

  it('takes a torn last line out openly', async () => {
    await life(facts(0, 2))
    truncateSync(onlyFile(), statSync(onlyFile()).size - 40)
    await life(facts(0, 2))
    const { broken, kinds, entries } = await read()
    expect(broken).toBeNull()
    expect(kinds).toEqual(['file-opened', 'started', 'stage', 'repaired', 'started', 'stage'])
    expect(entries[3]).toMatchObject({
      removedStart: expect.stringContaining('"key":"stage/1"') as string,
      problem: expect.stringContaining('cut off') as string,
    })
  })

  it('goes on behind a line that was changed, says so, and leaves it broken for whoever verifies', async () => {
    await life(facts(0, 3))
    writeFileSync(onlyFile(), readFileSync(onlyFile(), 'utf8').replace('"stage":"s1"', '"stage":"s9"'))
    await life(facts(3, 1))
    const { broken, kinds } = await read()
    expect(broken).toMatchObject({ line: 4, problem: expect.stringContaining('its content was changed') as string })
    expect(kinds.slice(-3)).toEqual(['found-broken', 'started', 'stage'])
    expect(logged).toContainEqual(expect.objectContaining({ kind: 'found-broken' }))
  })

  it.each([
    ['gone', () => rmSync(onlyFile()), /is gone/],
    ['shorter', () => truncateSync(onlyFile(), 10), /has 10 bytes/],
    [
      'another one',
      () => {
        const path = onlyFile()
        renameSync(path, `${path}.old`)
        writeFileSync(path, readFileSync(`${path}.old`))
      },
      /is another file/,
    ],
  ])('notices while it runs that its file is %s', async (_what, tamper, problem) => {
    const trail = started()
    trail.tell(facts(0, 2))
    await trail.flush()
    tamper()
    trail.tell(facts(2, 1))
    await trail.close()
    const { entries, keys } = await read()
    expect(entries.find(({ kind }) => kind === 'found-changed')).toMatchObject({ problem: expect.stringMatching(problem) as string })
    expect(keys).toContain('stage/2')
  })

  it('begins a file each day, and one chain goes through all of them', async () => {
    const trail = started()
    for (let day = 0; day < 3; day++) {
      trail.tell(facts(day, 1))
      await trail.flush()
      nowMs += DAY_MS
    }
    await trail.close()
    await life(facts(0, 3))
    const { broken, keys, head } = await read()
    expect(readdirSync(join(dir, 'audit'))).toEqual(
      ['2026-11-23', '2026-11-24', '2026-11-25', '2026-11-26'].map((day) => `audit-${day}.jsonl`),
    )
    expect(broken).toBeNull()
    expect(keys).toEqual(['stage/0', 'stage/1', 'stage/2'])
    const files = await auditFilesIn(join(dir, 'audit'))
    expect((await readAudit(files.toSpliced(1, 1))).broken).toMatchObject({ file: 'audit-2026-11-25.jsonl', line: 1 })
    expect((await readAudit(files.slice(0, -1), { kept: head?.hash ?? '' })).knowsKept).toBe(false)
    expect((await readAudit(files, { kept: head?.hash ?? '' })).knowsKept).toBe(true)
  })

  it('knows again what is told for as long as a control topic keeps it, and after any pause the newest files', async () => {
    const said = async (day: number) => {
      nowMs = START_MS + day * DAY_MS
      await life(facts(0, 1))
      return (await read()).keys
    }
    await life(facts(0, 1))
    for (const day of [1, 3, 5, 8]) {
      nowMs = START_MS + day * DAY_MS
      await life([{ kind: 'stage', key: `of day ${day}` }])
    }
    expect(await said(8)).toEqual(['stage/0', 'of day 1', 'of day 3', 'of day 5', 'of day 8'])
    nowMs = START_MS + 40 * DAY_MS
    await life([{ kind: 'stage', key: 'of day 8' }])
    expect((await read()).keys.filter((key) => key === 'of day 8')).toHaveLength(1)
  })

  it('holds no secret, whatever it is told', async () => {
    const secret = 'hunter2-but-longer'
    await life(
      [
        {
          kind: 'refused',
          key: 'x',
          excerpt: `{"password":"abcdefgh"} url kafka://u:pass1234@h ${secret}`,
          apiKey: 'plain-key-1',
          deep: [{ token: 'tok-123456' }],
        },
      ],
      {
        PIPELINE_S3_SECRET_KEY: secret,
      },
    )
    const text = readFileSync(onlyFile(), 'utf8')
    for (const hidden of [secret, 'abcdefgh', 'pass1234', 'plain-key-1', 'tok-123456']) expect(text).not.toContain(hidden)
    expect((await read()).broken).toBeNull()
  })

  it('waits for a disk that refuses, and then tells all', async () => {
    writeFileSync(join(dir, 'audit'), 'a file where the folder should be')
    const trail = started()
    trail.tell(facts(0, 2))
    await trail.flush()
    expect(logged).toContainEqual(expect.objectContaining({ message: 'the audit trail could not be written', waiting: 2 }))
    rmSync(join(dir, 'audit'))
    trail.tell([])
    await trail.close()
    expect((await read()).keys).toEqual(['stage/0', 'stage/1'])
  })
})

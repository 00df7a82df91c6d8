import { copyFileSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { auditFilesIn, readAudit } from '../../../shared/runtime/audit-files.ts'
import { createLog } from '../../../shared/runtime/log.ts'
import { expiredFiles, REMOVED_AT_ONCE_MAX } from './retention.ts'
import { createAuditTrail } from './trail.ts'

const DAY_MS = 86_400_000
const START_MS = Date.UTC(2026, 10, 1, 12)
const KEEP_DAYS = 3
const log = createLog({ agent: 'reporter', instance: '0', level: 'silent' })
let dir: string

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'assay-audit-'))
})
afterEach(() => {
  rmSync(dir, { recursive: true, force: true })
})

/** One life of the reporter, with an entry on each of these days. */
async function life(days: readonly number[], keepDays = KEEP_DAYS): Promise<void> {
  let nowMs = START_MS
  const ports = { dir, log, nowMs: () => nowMs, keepDays, environment: { kind: 'started' }, settings: {} }
  const trail = createAuditTrail(ports)
  for (const day of days) {
    nowMs = START_MS + day * DAY_MS
    trail.tell([{ kind: 'stage', key: `stage/${day}` }])
    await trail.flush()
  }
  await trail.close()
}
const names = () => readdirSync(dir).sort()
const fileOf = (day: number) => `audit-${new Date(START_MS + day * DAY_MS).toISOString().slice(0, 10)}.jsonl`
const reading = async () => readAudit(await auditFilesIn(dir))

describe('files of the trail that are too old', () => {
  it('go, and what is left begins where the trail says they went', async () => {
    await life([0, 1, 2, 3, 4, 5, 6])
    expect(names()).toEqual([2, 3, 4, 5, 6].map(fileOf))
    const { broken, first, anchor } = await reading()
    expect(broken).toBeNull()
    expect(anchor).toMatchObject({
      kind: 'files-removed',
      reason: 'older than 3 days',
      files: [{ file: fileOf(1), lastSeq: (first?.seq ?? 0) - 1, lastHash: first?.prev, problem: null }],
    })
  })

  it('leave a beginning that is anchored whatever days passed and whenever it was killed, and no other beginning is', async () => {
    const lives = fc.array(fc.array(fc.integer({ min: 1, max: 6 }), { maxLength: 3 }), { minLength: 1, maxLength: 4 })
    await fc.assert(
      fc.asyncProperty(lives, fc.boolean(), async (steps, diesBeforeRemoval) => {
        rmSync(dir, { recursive: true, force: true })
        let day = 0
        await life([day, ++day])
        for (const step of steps) {
          if (step.length > 0) await life(step.map((pause) => (day += pause)))
          const before = mkdtempSync(join(tmpdir(), 'assay-audit-'))
          for (const name of names()) copyFileSync(join(dir, name), join(before, name))
          await life([(day += 2)])
          // Killed right after it was announced: the files are there still, all or the newer ones of them.
          const gone = readdirSync(before).filter((name) => !names().includes(name))
          if (diesBeforeRemoval) for (const name of gone.sort().slice(-2)) copyFileSync(join(before, name), join(dir, name))
          rmSync(before, { recursive: true })
          const { broken, first, anchor } = await reading()
          expect(broken).toBeNull()
          expect({ seq: first?.seq, isAnchored: anchor !== null }).toEqual({ seq: first?.seq, isAnchored: first?.seq !== 1 })
        }
        const [oldest = ''] = names()
        if (diesBeforeRemoval || names().length < 2) return
        rmSync(join(dir, oldest))
        expect((await reading()).anchor).toBeNull()
      }),
      { numRuns: 25 },
    )
  })

  it('stay for ever where nobody set an age', async () => {
    await life([0, 1, 500], 0)
    expect(names()).toHaveLength(3)
  })
})

const trail = (...days: number[]) => days.map((day) => join('/trail', fileOf(day)))
it.each([
  { what: 'is not the newest, however old', days: [0], nowDay: 900, expired: [] },
  { what: 'is older than the days before the newest', days: [0, 1, 5], nowDay: 5, expired: [0, 1] },
  { what: 'counts from the newest where the clock has leapt ahead', days: [0, 1, 3], nowDay: 900, expired: [] },
  { what: 'counts from the clock where a file is of a day to come', days: [0, 1, 900], nowDay: 3, expired: [] },
  { what: 'is none on the last day of its time', days: [2, 3, 5], nowDay: 5, expired: [] },
])('an old file $what', ({ days, nowDay, expired }) => {
  expect(expiredFiles(trail(...days), { keepDays: KEEP_DAYS, nowMs: START_MS + nowDay * DAY_MS })).toEqual(trail(...expired))
})

it('goes in portions', () => {
  const files = trail(...Array.from({ length: REMOVED_AT_ONCE_MAX + 50 }, (_, day) => day))
  expect(expiredFiles(files, { keepDays: 1, nowMs: START_MS + 900 * DAY_MS })).toEqual(files.slice(0, REMOVED_AT_ONCE_MAX))
})

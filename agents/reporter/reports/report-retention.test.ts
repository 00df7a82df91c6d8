import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest'
import { createLog } from '../../../shared/runtime/log.ts'
import { createReportSweeper, expiredReports, type ReportFolder } from './report-retention.ts'
import { ARTEFACTS_FILE } from './write-reports.ts'

const DAY_MS = 86_400_000
const NOW_MS = 100 * DAY_MS
const runIdOf = (n: number) => `01999999-0000-7000-8000-${String(n).padStart(12, '0')}`

const folders = fc
  .array(fc.record({ writtenAtMs: fc.integer({ min: 0, max: NOW_MS }), hasArchive: fc.boolean() }), { maxLength: 30 })
  .map((all) => all.map((one, n): ReportFolder => ({ ...one, runId: runIdOf(n) })))
const settings = fc.record({ days: fc.integer({ min: 0, max: 120 }), runs: fc.integer({ min: 0, max: 12 }) })

test('what is kept is of the time set, at most so many of each sort, and nothing newer of that sort is gone', () => {
  fc.assert(
    fc.property(folders, settings, (all, kept) => {
      const gone = new Set(expiredReports(all, kept, NOW_MS))
      for (const hasArchive of [true, false]) {
        const sort = all.filter((folder) => folder.hasArchive === hasArchive)
        const left = sort.filter(({ runId }) => !gone.has(runId))
        if (kept.runs > 0) expect(left.length).toBeLessThanOrEqual(kept.runs)
        if (kept.days > 0) for (const { writtenAtMs } of left) expect(NOW_MS - writtenAtMs).toBeLessThanOrEqual(kept.days * DAY_MS)
        for (const { runId, writtenAtMs } of sort.filter((folder) => gone.has(folder.runId))) {
          for (const other of left) expect(other.writtenAtMs, runId).toBeGreaterThanOrEqual(writtenAtMs)
          const isOld = kept.days > 0 && NOW_MS - writtenAtMs > kept.days * DAY_MS
          expect(isOld || (kept.runs > 0 && left.length === kept.runs)).toBe(true)
        }
      }
    }),
  )
})

describe('a folder of reports', () => {
  let reportsDir: string
  let nowMs = NOW_MS
  beforeEach(() => {
    reportsDir = mkdtempSync(join(tmpdir(), 'assay-reports-'))
    nowMs = NOW_MS
  })
  afterEach(() => {
    rmSync(reportsDir, { recursive: true, force: true })
  })
  const log = createLog({ agent: 'reporter', instance: '0', level: 'silent' })
  const sweeperOf = (days: number, runs: number) => createReportSweeper({ reportsDir, kept: { days, runs }, log, nowMs: () => nowMs })
  function put(n: number, ageDays: number, failed = false): void {
    const folder = join(reportsDir, runIdOf(n))
    mkdirSync(folder)
    writeFileSync(join(folder, 'report.html'), 'x')
    if (failed) writeFileSync(join(folder, ARTEFACTS_FILE), 'x')
    utimesSync(folder, (NOW_MS - ageDays * DAY_MS) / 1_000, (NOW_MS - ageDays * DAY_MS) / 1_000)
  }

  it('loses old runs, whole, and nothing that is no run of its own', async () => {
    put(1, 31)
    put(2, 31, true)
    put(3, 29)
    mkdirSync(join(reportsDir, 'notes'))
    const elsewhere = mkdtempSync(join(tmpdir(), 'assay-elsewhere-'))
    symlinkSync(elsewhere, join(reportsDir, runIdOf(4)))
    await sweeperOf(30, 0).sweep()
    expect(readdirSync(reportsDir).sort()).toEqual([runIdOf(3), runIdOf(4), 'notes'])
    expect(existsSync(elsewhere)).toBe(true)
    rmSync(elsewhere, { recursive: true })
  })

  it('keeps reports of a run that did not pass, however many passed since', async () => {
    put(1, 9, true)
    for (const n of [2, 3, 4, 5]) put(n, 9 - n)
    await sweeperOf(30, 2).sweep()
    expect(readdirSync(reportsDir).sort()).toEqual([1, 4, 5].map(runIdOf))
  })

  it('is swept once an hour', async () => {
    const sweeper = sweeperOf(30, 0)
    await sweeper.sweep()
    put(1, 31)
    await sweeper.sweep()
    expect(readdirSync(reportsDir)).toHaveLength(1)
    nowMs += 3_600_000
    await sweeper.sweep()
    expect(readdirSync(reportsDir)).toHaveLength(0)
  })

  it('that is not there costs nothing', async () => {
    rmSync(reportsDir, { recursive: true })
    await expect(sweeperOf(30, 0).sweep()).resolves.toBeUndefined()
  })
})

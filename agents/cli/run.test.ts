import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { controlMessage } from '../../schemas/control.ts'
import { runTimeMs } from '../../shared/core/identity.ts'
import { OlderControl } from '../../shared/core/older-control.ts'
import { emptyRunBook, foldRunBook } from '../../shared/core/run-book.ts'
import type { ControlMessage } from '../../schemas/control.ts'
import { windowRunId } from '../../shared/core/series.ts'
import { loadPlan } from '../../topology/load.ts'
import { requestOf, wishState } from './run.ts'
import { lookbackFor } from './verdict.ts'
import { latestUnjudged } from './watch.ts'
import { cleanFacts, SAMPLE_RUN_ID } from '../reporter/reports/sample-run.ts'

const atMs = 1_763_863_200_000

it('asks for a plan by name, under an id that tells the time and is never given twice', () => {
  const wish = { plan: 'smoke', parameters: { canaries: '5' }, atMs }
  const request = requestOf(wish)
  expect(controlMessage.parse(request)).toMatchObject({
    plan: 'smoke',
    parameters: { canaries: '5' },
    requestedBy: expect.stringMatching(/.+@.+/) as string,
  })
  expect(runTimeMs(request.runId)).toBe(atMs)
  expect(requestOf(wish).runId).not.toBe(request.runId)
})

it('gives one wish one id, whenever it is made', () => {
  const wish = { plan: 'continuous', parameters: {}, once: 'compose-1' }
  const { runId } = requestOf({ ...wish, atMs })
  expect(requestOf({ ...wish, atMs: atMs + 86_400_000 }).runId).toBe(runId)
  expect(requestOf({ ...wish, atMs, once: 'compose-2' }).runId).not.toBe(runId)
})

it('knows a wish again by what the control topic still holds of it, however long ago', () => {
  const wish = requestOf({ plan: 'continuous', parameters: {}, once: 'compose-1', atMs })
  const plan = JSON.stringify({ repeatEveryMs: 60_000 })
  const windowAt = (index: number): ControlMessage => {
    const runId = windowRunId({ runId: wish.runId, originMs: atMs, everyMs: 60_000 }, index)
    return { ...wish, runId, plan, window: { series: wish.runId, index, indexLast: null } }
  }
  const cancel: ControlMessage = { kind: 'run-cancelled', runId: wish.runId, reason: 'enough', requestedBy: 'me' }
  const stateAfter = (...messages: ControlMessage[]) => {
    const older = new OlderControl()
    for (const [offset, message] of messages.entries()) older.hear({ type: 'control', offset, atMs, message })
    const book = emptyRunBook()
    for (const event of older.take()) foldRunBook(book, event)
    return wishState(book, wish.runId)
  }
  expect(stateAfter()).toBe('new')
  expect(stateAfter(wish, windowAt(1), windowAt(2))).toBe('asked')
  expect(stateAfter(wish, windowAt(1), cancel)).toBe('cancelled')
  // Asked for when nobody was there for hours: it became nothing, and may be asked for again.
  expect(stateAfter(wish)).toBe('new')
})

it('sends a plan of a file whole, parameters filled in, so that agents can load it as it is', () => {
  const dir = mkdtempSync(join(tmpdir(), 'assay-run-'))
  try {
    const file = join(dir, 'mine.yaml')
    writeFileSync(
      file,
      'version: 1\nname: mine\nparameters: { n: 9 }\nload: { canaries: "{{n}}", ratePerSecond: 1 }\nstages: [{ stage: a, task: produce }]\n',
    )
    const request = controlMessage.parse(requestOf({ plan: file, parameters: { n: '12' }, atMs }))
    if (request.kind !== 'run-requested') expect.fail(request.kind)
    const loaded = loadPlan('inline', request.plan, request.parameters)
    expect(loaded).toMatchObject({ ok: true, value: { name: 'mine', load: { canaries: 12 }, parameters: { n: '12' } } })
  } finally {
    rmSync(dir, { recursive: true })
  }
})

it('looks back to when the run id was made, and for ever when it does not tell', () => {
  expect(lookbackFor(requestOf({ plan: 'smoke', parameters: {}, atMs }).runId, atMs + 60_000)).toBe(660_000)
  expect(lookbackFor('01932b3c-0000-4abc-8000-0123456789ab', atMs)).toBeGreaterThan(10 * 365 * 86_400_000)
})

it('watches the latest run that is not judged', () => {
  const [accepted] = cleanFacts()
  if (accepted?.kind !== 'run-accepted') expect.fail('the sample begins with run-accepted')
  const other = { ...accepted, runId: '01932b3c-0000-7abc-8000-000000000002' }
  const judged = {
    ...other,
    kind: 'run-judged' as const,
    verdict: 'pass' as const,
    reasons: [],
    gravest: null,
    revision: 0,
    factsHeard: 0,
    acknowledged: 0,
    unknown: 0,
    failed: 0,
    hops: [],
    recoveries: [],
    reports: [],
  }
  const events = [accepted, other].map((fact) => ({ type: 'fact' as const, fact }))
  expect(latestUnjudged(events)).toBe(other.runId)
  expect(latestUnjudged([...events, { type: 'fact', fact: judged }])).toBe(SAMPLE_RUN_ID)
  expect(latestUnjudged([])).toBeNull()
})

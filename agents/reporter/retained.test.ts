import { expect, test } from 'vitest'
import type { RunFact } from '../../schemas/results.ts'
import type { BusEvent } from '../../shared/core/bus-events.ts'
import { configOf } from '../../shared/core/played-core.fixture.ts'
import { RUNS_KEPT_MAX } from '../../shared/core/run-book.ts'
import { cleanFacts } from '../../shared/core/told-run.fixture.ts'
import { reporterCore, type ReporterEvent } from './core.ts'
import { emptyPageBook, foldPageBook } from './page/page-book.ts'

/** Objects and characters that can be reached: what is retained, whatever the engine makes of it. */
function sizeOf(root: unknown): number {
  const seen = new Set<object>()
  const open: unknown[] = [root]
  let size = 0
  while (open.length > 0) {
    const one = open.pop()
    if (typeof one === 'string') size += one.length
    if (typeof one !== 'object' || one === null || seen.has(one)) continue
    seen.add(one)
    size++
    if (one instanceof Map) for (const [key, value] of one) open.push(key, value)
    else if (one instanceof Set) open.push(...(one as Set<unknown>))
    else open.push(...(Object.values(one) as unknown[]))
  }
  return size
}

const EVERY_MS = 1_000
const runIdOf = (window: number) => `01999999-0000-7000-8000-${String(window).padStart(12, '0')}`
/** All numbers of one length: sizes do not depend on which window it is. */
const FROM_MS = 1_000_000
const clean = cleanFacts()

/** A reporter and its page that hear one window after the other, and judge each. */
function reporter() {
  const core = reporterCore
  let state = core.init(configOf('reporter'))
  const pages = emptyPageBook({ jaegerUi: null, pipelineKafka: 'told:9092' })
  let verdicts = 0
  const step = (event: BusEvent | ReporterEvent) => {
    const stepped = core.step(state, event)
    state = stepped.state
    if (event.type !== 'reports-written') foldPageBook(pages, event, state.works)
    for (const effect of stepped.effects) {
      if (effect.type === 'write-reports') step({ type: 'reports-written', runId: effect.run.runId, paths: ['run.json'] })
      if (effect.type !== 'publish') continue
      if (effect.fact.kind === 'run-judged') verdicts++
      step({ type: 'fact', fact: effect.fact })
    }
  }
  step({ type: 'caught-up', atMs: FROM_MS })
  return {
    hearWindow(window: number): void {
      const atMs = FROM_MS + window * EVERY_MS
      const said: RunFact[] = clean.map((fact) => ({ ...fact, runId: runIdOf(window), atMs }))
      for (const fact of said) step({ type: 'fact', fact })
      step({ type: 'tick', atMs: atMs + EVERY_MS / 2 })
    },
    get verdicts() {
      return verdicts
    },
    /** What is kept of a run once it is dropped: its id, so that its request makes no new one. */
    get forgotten() {
      return state.works.base.book.forgotten.size
    },
    get retained() {
      return sizeOf([state, pages])
    },
  }
}

test(`what the reporter keeps stops growing after ${RUNS_KEPT_MAX} windows, but for the ids of those it dropped`, () => {
  const played = reporter()
  const idSize = runIdOf(0).length
  const retainedAfter = new Map<number, number>()
  for (let window = 1; window <= 600; window++) {
    played.hearWindow(window)
    if (window % 100 === 0) retainedAfter.set(window, played.retained - played.forgotten * idSize)
  }
  expect(played.verdicts).toBe(600)
  expect(played.forgotten).toBe(600 - RUNS_KEPT_MAX)
  // It does keep something of each until then.
  expect(retainedAfter.get(200)).toBeGreaterThan(retainedAfter.get(100) as number)
  expect(new Set([300, 400, 500, 600].map((window) => retainedAfter.get(window))).size).toBe(1)
})

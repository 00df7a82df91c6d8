import type { IncomingMessage, ServerResponse } from 'node:http'
import { existsSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { isBusEvent, type BusEvent } from '../../../shared/core/bus-events.ts'
import type { RunWorks } from '../../../shared/core/run-work.ts'
import type { AgentPorts } from '../../../shared/runtime/run-agent.ts'
import { ASSAY_VERSION } from '../../../shared/runtime/version.ts'
import { loadPlan } from '../../../topology/load.ts'
import type { Topology } from '../../../topology/topology.ts'
import type { ReporterEvent } from '../core.ts'
import { createBoard, type Board } from './board.ts'
import {
  agentViews,
  emptyPageBook,
  foldPageBook,
  latestFailed,
  latestRun,
  requestViews,
  rowView,
  runView,
  shownRuns,
  violationsView,
  type PageBook,
} from './page-book.ts'
import { plainHops } from './run-view.ts'
import { createPageServer, type PageServer } from './server.ts'
import { createStreams, STREAMS_MAX } from './streams.ts'
import type { PageView, PlanView, RunView } from './views.ts'
import { createWishes } from './wishes.ts'
import { lookPlacesOf, type LookSettings } from '../reports/look-places.ts'

export interface PageOptions extends Partial<LookSettings> {
  readonly agent: Pick<AgentPorts, 'log' | 'clock' | 'bus'>
  readonly topology: Pick<Topology, 'name' | 'hops' | 'connections'>
  readonly plans: ReadonlyMap<string, string>
  readonly reportsDir: string
  readonly pageToken: string | null
  readonly jaegerUi: string | null
}

export interface Page {
  /** After each step of the reporter's core. */
  onStep(event: ReporterEvent | BusEvent, works: RunWorks): void
  /** True: whatever is asked, it answers. */
  readonly answer: (request: IncomingMessage, response: ServerResponse) => boolean
  /** For tests: a request without a socket. */
  readonly inject: PageServer['inject']
  close(): Promise<void>
}

/** Readers are told at most so often; while telling costs much, more seldom. */
const TELL_EVERY_MS = 300
const COST_SHARE = 10
const BEAT_EVERY_MS = 5_000

/** The web page: live runs, history, violations and reports, and what may be asked for. It decides nothing. */
export async function createPage(options: PageOptions): Promise<Page> {
  const { agent, topology, plans, reportsDir, pageToken, jaegerUi } = options
  const { clock, log, bus } = agent
  const pages = emptyPageBook({ jaegerUi, ...lookPlacesOf(topology, options) })
  const board = createBoard()
  const streams = createStreams()
  let works: RunWorks | null = null
  let nextTellMs = 0
  board.put('page', JSON.stringify(pageView(options)))

  const tell = (known: RunWorks) => {
    const startedMs = clock.nowMs()
    const focus = putViews(board, { pages, works: known, wishes: streams.wishes(), reportsDir })
    const common = ['page', 'agents', 'requests']
    const rows = [...board.keys()].filter((key) => key.startsWith('row/'))
    streams.tell(
      board,
      (wish) => {
        const runId = focus(wish)
        return runId === null ? [...common, ...rows] : [...common, `run/${runId}`, `violations/${runId}`, ...rows]
      },
      startedMs,
    )
    const endedMs = clock.nowMs()
    nextTellMs = endedMs + Math.max(TELL_EVERY_MS, COST_SHARE * (endedMs - startedMs))
  }

  const server = await createPageServer({
    reportsDir,
    log,
    wishes: createWishes({ token: pageToken, plans, bus, clock, requestedBy: `page@${hostname()}` }),
    rows: () => {
      const known = works
      return known === null ? [] : shownRuns(known.base.book).map((run) => rowView(pages, known, run))
    },
    run(runId) {
      const run = works?.base.book.runs.get(runId)
      if (works === null || run === undefined) return null
      return { run: linked(reportsDir, runView(pages, works, run)), violations: violationsView(pages, run) }
    },
    latestFailed: () => (works === null ? null : (latestFailed(works.base.book)?.runId ?? null)),
    listen(response, wish) {
      if (!streams.open(response, wish)) return { status: 503, body: { problems: [`more than ${STREAMS_MAX} listen already`] } }
      if (works?.base.caughtUp === true) tell(works)
      return null
    },
  })
  const stopBeats = clock.every(BEAT_EVERY_MS, (atMs) => {
    streams.beat(atMs)
  })

  return {
    answer(request, response) {
      server.answer(request, response)
      return true
    },
    inject: server.inject,
    onStep(event, known) {
      if (!isBusEvent(event)) return
      works = known
      foldPageBook(pages, event, known)
      if (isTurn(event, known) && streams.wishes().size > 0 && clock.nowMs() >= nextTellMs) tell(known)
    },
    async close() {
      stopBeats()
      streams.close()
      await server.close()
    },
  }
}

/** While old facts are read at the start, there is no telling what is under way. */
const isTurn = (event: BusEvent, { base }: RunWorks) => event.type === 'tick' && base.caughtUp

interface Shown {
  readonly pages: PageBook
  readonly works: RunWorks
  readonly wishes: ReadonlySet<string>
  readonly reportsDir: string
}

/** Without links to reports that were removed for their age, or lie elsewhere. */
const linked = (reportsDir: string, view: RunView): RunView =>
  view.reports.length === 0 || existsSync(join(reportsDir, view.runId)) ? view : { ...view, reports: [] }

/** Brings the board up to date with all that somebody looks at; gives the run that a wish means. */
function putViews(board: Board, { pages, works, wishes, reportsDir }: Shown): (wish: string) => string | null {
  const { book, nowMs } = works.base
  const runs = shownRuns(book)
  const latest = latestRun(book, nowMs)
  const focus = (wish: string) => (wish === 'latest' ? (latest?.runId ?? null) : wish)
  board.put('agents', JSON.stringify(agentViews(pages)))
  board.put('requests', JSON.stringify(requestViews(pages, works)))
  const current = new Set(['page', 'agents', 'requests'])
  const put = (key: string, view: object | null) => {
    if (view === null) return
    current.add(key)
    board.put(key, JSON.stringify(view))
  }
  // Oldest first: a browser that is sent all of them shows the newest last.
  for (const run of runs.toReversed()) put(`row/${run.runId}`, rowView(pages, works, run))
  for (const wish of wishes) {
    const run = book.runs.get(focus(wish) ?? '')
    if (run === undefined) continue
    put(`run/${run.runId}`, linked(reportsDir, runView(pages, works, run)))
    put(`violations/${run.runId}`, violationsView(pages, run))
  }
  for (const key of [...board.keys()]) if (!current.has(key)) board.remove(key)
  return focus
}

function pageView({ topology, plans, pageToken }: PageOptions): PageView {
  return {
    version: ASSAY_VERSION,
    pipeline: topology.name,
    hops: plainHops(topology.hops),
    plans: [...plans].flatMap(([name, text]) => planView(name, text)),
    mayAct: pageToken !== null,
  }
}

function planView(plan: string, text: string): PlanView[] {
  const loaded = loadPlan(`${plan}.yaml`, text)
  if (!loaded.ok) return []
  const { description, parameters, exclusive, repeatEveryMs } = loaded.value
  const named = Object.entries(parameters).map(([name, value]) => ({ name, value }))
  return [{ plan, description, parameters: named, exclusive, repeats: repeatEveryMs !== null }]
}

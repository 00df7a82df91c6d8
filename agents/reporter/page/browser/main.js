import { createAsk, createCancel } from './ask.js'
import { attribute, byId, el, sync, text } from './dom.js'
import { agoText } from './figures.js'
import { createHistory } from './history.js'
import { createHops } from './hops.js'
import { createStages } from './stages.js'
import { listen } from './stream.js'
import { toneOf, wordOf } from './tones.js'
import { createVerdict } from './verdict.js'
import { createViolations } from './violations.js'

/** @typedef {import('../views.ts').PageEvents} PageEvents */
/** @typedef {import('../views.ts').RowView} RowView */

const ROWS_MAX = 100
const SILENT_AFTER_MS = 20_000
const TURN_MS = 1_000

/** The run this page is about, or null for whichever is the latest. */
const [, asked = null] = /^\/runs\/([0-9a-f-]{36})$/.exec(location.pathname) ?? []

/** All that is known; the newest of each. */
const known = {
  /** @type {PageEvents['page'] | null} */
  page: null,
  /** @type {PageEvents['agents']} */
  agents: [],
  /** @type {PageEvents['requests']} */
  requests: [],
  /** @type {Map<string, RowView>} */
  rows: new Map(),
  /** @type {PageEvents['run'] | null} */
  run: null,
  /** @type {PageEvents['violations'] | null} */
  violations: null,
  /** @type {readonly string[]} */
  files: [],
  isUnknown: false,
  /** The reporter's clock less ours. */
  aheadMs: 0,
}
const nowMs = () => Date.now() + known.aheadMs

const cancel = createCancel()
const verdict = createVerdict({ onCancel: (run) => cancel.open(run) })
const hops = createHops()
const violations = createViolations()
const stages = createStages()
const history = createHistory()
const ask = createAsk()

/** Takes what the stream says; a new stream begins with `page`. */
const take = {
  /** @param {PageEvents['page']} page */
  page(page) {
    known.page = page
    known.rows.clear()
    ask.show(page)
    text(byId('pipeline-name'), page.pipeline)
    text(byId('foot'), `Assay ${page.version}`)
  },
  /** @param {PageEvents['agents']} agents */
  agents(agents) {
    known.agents = agents
  },
  /** @param {PageEvents['requests']} requests */
  requests(requests) {
    known.requests = requests
  },
  /** @param {RowView} row */
  row(row) {
    known.rows.set(row.runId, row)
    if (known.rows.size <= ROWS_MAX) return
    const [oldest] = [...known.rows.values()].sort(byRequest).slice(-1)
    if (oldest !== undefined) known.rows.delete(oldest.runId)
  },
  /** @param {PageEvents['run']} run */
  run(run) {
    const before = known.run
    if (before?.runId !== run.runId) {
      known.violations = null
      known.files = []
    }
    known.run = run
    known.isUnknown = false
    if (before?.runId !== run.runId || before.verdict !== run.verdict || before.judgedAtMs !== run.judgedAtMs) void lookForFiles(run.runId)
    if (before !== null) announce(before, run)
  },
  /** @param {PageEvents['violations']} found */
  violations(found) {
    if (found.runId === known.run?.runId) known.violations = found
  },
  /** @param {PageEvents['beat']} beat */
  beat(beat) {
    known.aheadMs = beat.nowMs - Date.now()
  },
}

/**
 * @param {RowView} a
 * @param {RowView} b
 */
const byRequest = (a, b) => b.requestedAtMs - a.requestedAtMs || (a.runId < b.runId ? 1 : -1)

/**
 * For those who do not see the page change.
 * @param {PageEvents['run']} before
 * @param {PageEvents['run']} run
 */
function announce(before, run) {
  if (before.runId === run.runId && before.phase === run.phase && before.verdict === run.verdict) return
  text(byId('told'), `Run of ${run.plan}: ${wordOf(run)}. ${run.reasons[0] ?? ''}`)
}

/** @param {string} runId */
async function lookForFiles(runId) {
  try {
    const response = await fetch(`/api/runs/${runId}/files`)
    const said = /** @type {{ files?: string[], isKnown?: boolean }} */ (await response.json())
    if (known.run !== null && known.run.runId !== runId) return
    known.files = said.files ?? []
    known.isUnknown = said.isKnown === false && known.run === null
    turn()
  } catch {
    // The stream says that the link is lost.
  }
}

/** @param {{ heardAtMs: number }} agent */
const isHeard = ({ heardAtMs }) => nowMs() - heardAtMs <= SILENT_AFTER_MS

function showAgents() {
  const count = `${known.agents.filter(isHeard).length} of ${known.agents.length} agents heard`
  text(byId('agents-count'), known.agents.length === 0 ? '' : count)
  sync(byId('agents'), known.agents, {
    keyOf: ({ agent }) => agent,
    make: ({ agent }) => el('li', { class: 'agent' }, agent),
    update: (element, { heardAtMs, version }) => {
      const isSilent = !isHeard({ heardAtMs })
      attribute(element, 'data-state', isSilent ? 'silent' : 'heard')
      attribute(element, 'title', `${version}, heard ${agoText(nowMs() - heardAtMs)}`)
      attribute(element, 'aria-label', `${element.textContent} ${isSilent ? 'is silent' : 'is heard'}`)
    },
  })
}

function showTab() {
  const { run } = known
  const tone = run === null ? 'none' : toneOf(run)
  const icon = tone === 'none' || tone === 'waiting' ? '/page/icon.svg' : `/page/icon-${tone}.svg`
  attribute(byId('icon'), 'href', icon)
  const title = run === null ? 'Assay' : `${wordOf(run)} · ${run.plan} · Assay`
  if (document.title !== title) document.title = title
}

let isDrawing = false
/** Draws soon. A page in the background is not drawn, but its tab is looked at. */
function turn() {
  showTab()
  if (isDrawing) return
  isDrawing = true
  requestAnimationFrame(() => {
    isDrawing = false
    const rows = [...known.rows.values()].sort(byRequest)
    const last = rows.find((row) => row.judgedAtMs !== null) ?? null
    const { run, files, page, requests } = known
    const at = nowMs()
    const request = requests.find(({ runId }) => runId === asked && runId !== null) ?? null
    verdict.show({ run, unknown: known.isUnknown ? asked : null, request, files, last, mayAct: page?.mayAct === true, nowMs: at })
    hops.show({ run, hops: page?.hops ?? [], nowMs: at })
    violations.show({ run, violations: known.violations })
    stages.show({ run, nowMs: at })
    history.show({ rows, requests, shown: run?.runId ?? null, nowMs: at })
    showAgents()
  })
}

const links = { live: 'live', lost: 'link lost, trying again' }

listen(asked ?? 'latest', {
  onEvent: (name, data) => {
    ;/** @type {(data: PageEvents[typeof name]) => void} */ (take[name])(data)
    turn()
  },
  onLink: (state) => {
    attribute(byId('link'), 'data-state', state)
    text(byId('link'), links[state])
  },
})
if (asked !== null) void lookForFiles(asked)
setInterval(turn, TURN_MS)
turn()

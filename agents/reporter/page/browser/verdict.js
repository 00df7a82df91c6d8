import { attribute, byId, el, find, sync, text } from './dom.js'
import { agoText, countText, durationText, msText, shareText, timeText } from './figures.js'
import { signs, toneOf, wordOf } from './tones.js'

/** @typedef {import('../views.ts').RunView} RunView */
/** @typedef {import('../views.ts').RowView} RowView */
/** @typedef {import('../views.ts').RequestView} RequestView */

const REASONS_SHOWN = 6

/**
 * The first thing on the page: how the run stands, why, and its figures.
 * @param {{ onCancel: (run: RunView) => void }} options
 */
export function createVerdict({ onCancel }) {
  const section = byId('verdict')
  const cancel = el('button', { type: 'button', class: 'button danger', hidden: true }, 'Cancel run')
  section.append(
    el('p', { class: 'verdict-mark', 'aria-hidden': 'true' }),
    el(
      'div',
      { class: 'verdict-body' },
      el('h1', { id: 'verdict-word' }, 'No run yet'),
      el('p', { class: 'verdict-run' }),
      el('p', { class: 'verdict-why' }),
      el('ul', { class: 'reasons' }),
      el('progress', { class: 'progress', 'aria-label': 'Canaries acknowledged', hidden: true }),
    ),
    el('dl', { class: 'facts' }),
    el(
      'div',
      { class: 'verdict-foot' },
      el('ul', { class: 'files', 'aria-label': 'Reports of this run' }),
      cancel,
      el('p', { class: 'last' }),
    ),
  )
  /** @type {RunView | null} */
  let shown = null
  cancel.addEventListener('click', () => {
    if (shown !== null) onCancel(shown)
  })
  return {
    /** @param {{ run: RunView | null, unknown: string | null, request: RequestView | null, files: readonly string[], last: RowView | null, mayAct: boolean, nowMs: number }} known */
    show({ run, unknown, request, files, last, mayAct, nowMs }) {
      shown = run
      const tone = run === null ? (request === null ? 'none' : 'waiting') : toneOf(run)
      attribute(section, 'data-tone', tone)
      attribute(section, 'data-doubt', tone === 'running' && run?.hops.some(({ violations }) => violations.length > 0) === true)
      text(find(section, '.verdict-mark'), signs[tone])
      text(find(section, 'h1'), run === null ? wordOfNone(unknown, request) : wordOf(run))
      text(find(section, '.verdict-run'), run === null ? (unknown ?? '') : headOf(run, nowMs))
      const why = run === null ? idleText(unknown, request) : whyOf(run)
      text(find(section, '.verdict-why'), why[0] ?? '')
      showReasons(section, run, why.slice(1))
      showProgress(section, run)
      showFacts(section, run, nowMs)
      showFiles(section, run, { files, runId: run?.runId ?? unknown })
      attribute(cancel, 'hidden', !(mayAct && run?.mayCancel === true))
      text(cancel, run?.phase === 'judged' ? 'End the series' : 'Cancel run')
      text(find(section, '.last'), lastText(run, last, nowMs))
    },
  }
}

/**
 * @param {string | null} unknown
 * @param {RequestView | null} request
 */
function wordOfNone(unknown, request) {
  if (request !== null) return request.problems === null ? 'Asked for' : 'Refused'
  return unknown === null ? 'No run yet' : 'Not known'
}

/**
 * @param {string | null} unknown
 * @param {RequestView | null} request
 */
function idleText(unknown, request) {
  if (request !== null) return request.problems ?? ['No agent has answered yet.']
  if (unknown === null) return ['Nobody has asked for a run within the last hours.']
  return ['The topics hold nothing of this run any more. What is left of its reports is linked here.']
}

/**
 * @param {RunView} run
 * @param {number} nowMs
 */
function headOf(run, nowMs) {
  const window = run.window === null ? '' : ` · window ${countText(run.window.index)}`
  return `${run.plan}${window} · ${run.runId} · asked for by ${run.requestedBy}, ${agoText(nowMs - run.requestedAtMs)}`
}

/** @param {RunView} run */
function whyOf(run) {
  if (run.phase === 'judged') return run.reasons.length > 0 ? run.reasons : [passText(run)]
  if (run.phase === 'cancelling') return [`cancelled: ${run.cancelled ?? ''}`]
  if (run.phase === 'waiting') return ['The run has been accepted; no stage has begun.']
  if (run.phase === 'abandoned') return ['Long past its time, and nobody judged it.']
  const found = run.hops.flatMap(({ hop, violations }) =>
    violations.map(({ kind, canaries }) => `${countText(canaries)} ${kind} at ${hop}`),
  )
  return found.length === 0 ? ['Nothing wrong so far.'] : found.map((one) => `so far ${one}`)
}

/** @param {RunView} run */
function passText(run) {
  const watched = run.hops.filter(({ watched }) => watched).length
  return `All ${countText(run.acknowledged)} acknowledged canaries were found whole at ${watched} places.`
}

/**
 * @param {HTMLElement} section
 * @param {RunView | null} run
 * @param {readonly string[]} more
 */
function showReasons(section, run, more) {
  const left = more.length - REASONS_SHOWN + (run?.others ?? 0)
  const items = [...more.slice(0, REASONS_SHOWN), ...(left > 0 ? [`and ${countText(left)} more, in the report`] : [])]
  sync(find(section, '.reasons'), items, { keyOf: (reason) => reason, make: (reason) => el('li', {}, reason) })
  attribute(find(section, '.reasons'), 'hidden', items.length === 0)
}

/**
 * @param {HTMLElement} section
 * @param {RunView | null} run
 */
function showProgress(section, run) {
  const bar = find(section, 'progress')
  const live = run !== null && (run.phase === 'running' || run.phase === 'waiting')
  attribute(bar, 'hidden', !live)
  if (!live || run === null) return
  attribute(bar, 'max', String(run.planned))
  attribute(bar, 'value', String(run.acknowledged))
}

/**
 * @param {HTMLElement} section
 * @param {RunView | null} run
 * @param {number} nowMs
 */
function showFacts(section, run, nowMs) {
  const list = find(section, '.facts')
  sync(list, run === null ? [] : factsOf(run, nowMs), {
    keyOf: ([name]) => name,
    make: ([name]) => el('div', {}, el('dt', {}, name), el('dd', {})),
    update: (element, [, value, note]) => {
      text(find(element, 'dd'), value)
      attribute(element, 'title', note ?? null)
    },
  })
}

/**
 * @param {RunView} run
 * @param {number} nowMs
 * @returns {[name: string, value: string, note?: string][]}
 */
function factsOf(run, nowMs) {
  const shares = run.hops.flatMap(({ fidelity }) => (fidelity === null ? [] : [fidelity]))
  const slowest = run.hops.filter(({ p95Ms, kind }) => p95Ms !== null && kind !== 'source' && kind !== 'api').at(-1)
  const endMs = run.judgedAtMs ?? nowMs
  return [
    ['Acknowledged', `${countText(run.acknowledged)} of ${countText(run.planned)}`, 'Canaries the pipeline took responsibility for'],
    ...(run.unknown > 0
      ? /** @type {[string, string, string][]} */ ([['Unknown', countText(run.unknown), 'May have arrived once or not']])
      : []),
    ...(run.failed > 0 ? /** @type {[string, string, string][]} */ ([['Refused', countText(run.failed), 'Must not have arrived']]) : []),
    ['Fidelity', shareText(shares.length === 0 ? null : Math.min(...shares)), 'Whole among expected, at the worst place'],
    ['To storage, p95', msText(slowest?.p95Ms ?? null), `Intended send to ${slowest?.hop ?? 'the last hop that stores'}`],
    [run.judgedAtMs === null ? 'Elapsed' : 'Took', durationText(endMs - run.requestedAtMs), `Asked for at ${timeText(run.requestedAtMs)}`],
  ]
}

const reportNames = /** @type {const} */ ({
  'report.html': 'Report',
  'report.md': 'Markdown',
  'report.json': 'JSON',
  'report.xml': 'JUnit',
  'junit.xml': 'JUnit',
  'artefacts.tar.gz': 'Artefacts',
})
/** @param {string} file */
const nameOf = (file) => /** @type {Readonly<Record<string, string>>} */ (reportNames)[file] ?? file
/** @param {string} file */
const rankOf = (file) => (Object.keys(reportNames).indexOf(file) + 100) % 100

/**
 * @param {HTMLElement} section
 * @param {RunView | null} run
 * @param {{ files: readonly string[], runId: string | null }} where
 */
function showFiles(section, run, { files, runId }) {
  const known = [...new Set([...(run?.reports ?? []), ...files])].sort((a, b) => rankOf(a) - rankOf(b))
  const links = known.map((file) => ({ href: `/runs/${runId ?? ''}/${file}`, label: nameOf(file) }))
  if (run !== null && run.traceUrl !== null) links.push({ href: run.traceUrl, label: 'Trace of the run' })
  sync(find(section, '.files'), links, {
    keyOf: ({ href }) => href,
    make: ({ href, label }) => el('li', {}, el('a', { href, rel: 'noreferrer' }, label)),
  })
}

/**
 * @param {RunView | null} run
 * @param {RowView | null} last
 * @param {number} nowMs
 */
function lastText(run, last, nowMs) {
  if (run === null || run.verdict !== null || last === null || last.verdict === null) return ''
  return `Last verdict: ${signs[last.verdict]} ${wordOf(last)}, ${last.plan}, ${agoText(nowMs - (last.judgedAtMs ?? nowMs))}`
}

import { attribute, byId, el, find, sync, text } from './dom.js'
import { agoText, countText, durationText, plural, shortId, timeText } from './figures.js'
import { signs, toneOf, wordOf } from './tones.js'

/** @typedef {import('../views.ts').RowView} RowView */
/** @typedef {import('../views.ts').RequestView} RequestView */

const SQUARES_MAX = 50
const SHOWN_FIRST = 15

/** Runs, the newest first, and requests that became none. */
export function createHistory() {
  const box = byId('history')
  const summary = el('p', { class: 'note' })
  const squares = el('div', { class: 'squares', role: 'img' })
  const list = el('ol', { class: 'rows' })
  const more = el('button', { type: 'button', class: 'button', hidden: true })
  box.append(summary, squares, list, more)
  let shownMax = SHOWN_FIRST
  more.addEventListener('click', () => {
    shownMax = Infinity
    more.hidden = true
    list.querySelector('a')?.focus()
  })
  const requests = byId('requests')
  const asked = el('ul', { class: 'lines' })
  requests.append(el('h2', { id: 'requests-title' }, 'Asked for'), asked)
  return {
    /** @param {{ rows: readonly RowView[], requests: readonly RequestView[], shown: string | null, nowMs: number }} known */
    show({ rows, requests: open, shown, nowMs }) {
      const judged = rows.filter(({ verdict }) => verdict !== null)
      const passed = judged.filter(({ verdict }) => verdict === 'pass').length
      text(
        summary,
        rows.length === 0
          ? 'No runs yet.'
          : `${countText(passed)} of ${plural(judged.length, 'verdict')} ${passed === 1 ? 'is' : 'are'} a pass.`,
      )
      showSquares(squares, judged.slice(0, SQUARES_MAX).reverse())
      attribute(more, 'hidden', rows.length <= shownMax)
      text(more, `Show all ${countText(rows.length)} runs`)
      sync(list, rows.slice(0, shownMax), {
        keyOf: ({ runId }) => runId,
        make: makeRow,
        update: (element, row) => {
          updateRow(element, row, { isShown: row.runId === shown, nowMs })
        },
      })
      attribute(requests, 'hidden', open.length === 0)
      sync(asked, open, {
        keyOf: ({ controlOffset }) => String(controlOffset),
        make: () => el('li', {}),
        update: (element, request) => {
          attribute(element, 'data-phase', request.problems === null ? 'asked' : 'refused')
          text(element, requestText(request, nowMs))
        },
      })
    },
  }
}

/**
 * @param {HTMLElement} squares
 * @param {readonly RowView[]} judged
 */
function showSquares(squares, judged) {
  attribute(squares, 'hidden', judged.length < 2)
  attribute(squares, 'aria-label', `Verdicts, the oldest first: ${judged.map(wordOf).join(', ')}`)
  sync(squares, judged, {
    keyOf: ({ runId }) => runId,
    make: (row) => el('span', { class: 'square', title: `${wordOf(row)} ${row.plan} ${timeText(row.requestedAtMs)}` }),
    update: (element, row) => {
      attribute(element, 'data-tone', toneOf(row))
    },
  })
}

/** @param {RowView} row */
function makeRow(row) {
  return el(
    'li',
    { class: 'row' },
    el(
      'a',
      { href: `/runs/${row.runId}` },
      el('span', { class: 'row-sign', 'aria-hidden': 'true' }),
      el(
        'span',
        { class: 'row-main' },
        el('span', { class: 'row-head' }, el('span', { class: 'row-word' }), ' ', el('span', { class: 'row-plan' }, planText(row))),
        el('span', { class: 'row-note' }),
      ),
      el('span', { class: 'row-when', title: timeText(row.requestedAtMs) }),
    ),
  )
}

/** @param {RowView} row */
const planText = ({ plan, window, runId }) => `${plan}${window === null ? '' : ` window ${countText(window)}`} ${shortId(runId)}`

/**
 * @param {HTMLElement} element
 * @param {RowView} row
 * @param {{ isShown: boolean, nowMs: number }} how
 */
function updateRow(element, row, { isShown, nowMs }) {
  const tone = toneOf(row)
  attribute(element, 'data-tone', tone)
  attribute(find(element, 'a'), 'aria-current', isShown ? 'page' : null)
  text(find(element, '.row-sign'), signs[tone])
  text(find(element, '.row-word'), wordOf(row))
  text(find(element, '.row-note'), noteOf(row))
  text(find(element, '.row-when'), agoText(nowMs - row.requestedAtMs))
}

/** @param {RowView} row */
function noteOf(row) {
  if (row.reason !== '') return row.reason
  const took = row.judgedAtMs === null ? '' : `, ${durationText(row.judgedAtMs - row.requestedAtMs)}`
  const bad = row.violations === 0 ? '' : `, ${plural(row.violations, 'violation')}`
  return `${countText(row.acknowledged)} canaries${took}${bad}`
}

/**
 * @param {RequestView} request
 * @param {number} nowMs
 */
function requestText({ plan, runId, requestedBy, atMs, problems }, nowMs) {
  const what = runId === null ? `A message that cannot be read: ${plan}` : `${plan}, by ${requestedBy}`
  const state = problems === null ? 'waits for an answer' : `refused: ${problems.join('; ')}`
  return `${what}, ${agoText(nowMs - atMs)}: ${state}`
}

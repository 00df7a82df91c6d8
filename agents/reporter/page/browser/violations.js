import { attribute, byId, el, find, sync, text } from './dom.js'
import { countText, timeText } from './figures.js'

/** @typedef {import('../views.ts').RunView} RunView */
/** @typedef {import('../views.ts').ViolationsView} ViolationsView */
/** @typedef {import('../views.ts').ViolationView} ViolationView */

const SHOWN_FIRST = 20

/** What was found, by kind and hop, and one by one. */
export function createViolations() {
  const box = byId('violations')
  const filters = el('ul', { class: 'filters', 'aria-label': 'Show only' })
  const list = el('ol', { class: 'found' })
  const more = el('button', { type: 'button', class: 'button', hidden: true })
  const note = el('p', { class: 'note' })
  box.append(filters, note, list, more)
  let runId = ''
  let shownMax = SHOWN_FIRST
  /** @type {string | null} */
  let only = null
  let redraw = () => {}
  more.addEventListener('click', () => {
    shownMax = Infinity
    redraw()
  })

  /** @param {{ run: RunView | null, violations: ViolationsView | null }} known */
  const show = ({ run, violations }) => {
    redraw = () => {
      show({ run, violations })
    }
    if (run?.runId !== runId) {
      runId = run?.runId ?? ''
      shownMax = SHOWN_FIRST
      only = null
    }
    const groups = violations?.groups ?? []
    if (!groups.some((group) => keyOf(group) === only)) only = null
    sync(filters, groups.length > 1 ? groups : [], {
      keyOf,
      make: (group) => {
        const button = el('button', { type: 'button', class: 'chip', 'data-kind': group.kind, 'aria-pressed': 'false' })
        button.addEventListener('click', () => {
          only = only === keyOf(group) ? null : keyOf(group)
          redraw()
        })
        return el('li', {}, button)
      },
      update: (element, group) => {
        const button = find(element, 'button')
        text(button, `${countText(group.canaries)} ${group.kind} at ${group.hop}`)
        attribute(button, 'aria-pressed', String(only === keyOf(group)))
      },
    })
    const wanted = (violations?.listed ?? []).filter((one) => only === null || keyOf(one) === only)
    const shown = wanted.slice(0, shownMax)
    sync(list, shown, { keyOf: identity, make: entry, update: refresh })
    openFirst(list, runId)
    attribute(more, 'hidden', shown.length === wanted.length)
    text(more, `Show all ${countText(wanted.length)} listed`)
    text(note, noteOf(run, violations))
  }
  return { show }
}

/**
 * The first one of a run shows at once what there is to see.
 * @param {HTMLElement} list
 * @param {string} runId
 */
function openFirst(list, runId) {
  const first = list.querySelector('details')
  if (first === null || list.dataset['opened'] === runId) return
  list.dataset['opened'] = runId
  first.open = true
}

/** @param {number} count */
const canaries = (count) => (count === 1 ? '1 canary' : `${countText(count)} canaries`)

/** @param {{ kind: string, hop: string }} group */
const keyOf = ({ kind, hop }) => `${kind} ${hop}`
/** @param {ViolationView} one */
const identity = (one) => `${keyOf(one)} ${one.canaryId} ${one.field ?? ''} ${one.place}`

/**
 * @param {RunView | null} run
 * @param {ViolationsView | null} violations
 */
function noteOf(run, violations) {
  if (run === null) return 'Nothing to show.'
  if (violations === null) return run.judgedAtMs === null ? 'None so far.' : 'Not kept here; the report has them.'
  if (violations.canaries === 0) return run.judgedAtMs === null ? 'None so far.' : 'None.'
  const where = run.judgedAtMs === null ? 'come with the verdict' : 'are in the report'
  const left = violations.leftOut > 0 ? ` ${canaries(violations.leftOut)} more ${where}.` : ''
  return `${canaries(violations.canaries)} in all, worst kind first.${left}`
}

/** @param {ViolationView} one */
function entry(one) {
  const looks = /** @type {const} */ ([
    ['Field', one.field ?? ''],
    ['Expected', one.expected],
    ['Actual', one.actual],
    ['Where', one.place],
    ['Canary', one.canaryId],
    ['Trace', one.traceId],
    ['Found', `by ${one.foundBy}, ${timeText(one.foundAtMs)}`],
  ])
  const items = looks
    .filter(([, value]) => value !== '')
    .map(([name, value]) => el('div', {}, el('dt', {}, name), valueOf(one, name, value)))
  return el(
    'li',
    { class: 'found-one' },
    el(
      'details',
      {},
      el(
        'summary',
        {},
        el(
          'span',
          { class: 'found-what' },
          el('span', { class: 'chip', 'data-kind': one.kind }, one.kind),
          el('span', { class: 'mono' }, one.hop),
          el('span', { class: 'found-canary mono' }, canaryText(one)),
          el('span', { class: 'found-count' }),
          el('span', { class: 'found-brief' }, one.actual),
        ),
      ),
      el('div', { class: 'found-body' }, el('dl', { class: 'found-looks' }, ...items), one.look === null ? null : command(one.look)),
    ),
  )
}

/**
 * @param {ViolationView} one
 * @param {string} name
 * @param {string} value
 */
function valueOf(one, name, value) {
  if (name === 'Trace' && one.traceUrl !== null)
    return el('dd', { class: 'mono' }, el('a', { href: one.traceUrl, rel: 'noreferrer' }, value))
  return el('dd', { class: name === 'Actual' ? 'actual' : ['Where', 'Canary', 'Field', 'Trace'].includes(name) ? 'mono' : '' }, value)
}

/**
 * @param {HTMLElement} element
 * @param {ViolationView} one
 */
function refresh(element, one) {
  text(find(element, '.found-count'), one.canaries > 1 ? `and ${countText(one.canaries - 1)} more` : '')
}

/** @param {ViolationView} one */
function canaryText({ canaryId }) {
  const [, stream = '', seq = ''] = canaryId.split(':')
  return `stream ${Number(stream)} seq ${countText(Number(seq))}`
}

/** @param {string} look */
function command(look) {
  const copy = el('button', { type: 'button', class: 'button small' }, 'Copy')
  copy.addEventListener('click', () => {
    navigator.clipboard.writeText(look).then(
      () => text(copy, 'Copied'),
      () => text(copy, 'Select it by hand'),
    )
  })
  return el('div', { class: 'look' }, el('code', { tabindex: '0', role: 'region', 'aria-label': 'Look yourself' }, look), copy)
}

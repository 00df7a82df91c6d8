import { attribute, byId, el, find, svg, sync, text } from './dom.js'
import { countText, msText, shareText } from './figures.js'

/** @typedef {import('../views.ts').HopView} HopView */
/** @typedef {import('../views.ts').PlainHop} PlainHop */
/** @typedef {import('../views.ts').RunView} RunView */

/** Rates are taken over so long, that they do not flicker. */
const RATE_OVER_MS = 1_500
/** The axis of lateness, the same for all hops, so that they can be compared: decades of ms. */
const AXIS = { fromMs: 1, untilMs: 100_000 }

/** The pipeline: a line through all hops in order, which fills as canaries are seen there. */
export function createHops() {
  const list = byId('hops')
  /** @type {Map<string, { atMs: number, seen: number, rate: number }>} */
  const rates = new Map()
  let runId = ''
  return {
    /** @param {{ run: RunView | null, hops: readonly PlainHop[], nowMs: number }} known */
    show({ run, hops, nowMs }) {
      if (run?.runId !== runId) rates.clear()
      runId = run?.runId ?? ''
      const isLive = run !== null && run.judgedAtMs === null
      const shown = run?.hops ?? hops.map((hop) => idle(hop))
      const stored = shown.filter(({ kind }) => kind !== 'api')
      const asked = shown.filter(({ kind }) => kind === 'api')
      const stations = asked.length === 0 ? stored.map(one) : [...stored.map(one), { key: 'asked', hops: asked }]
      sync(list, stations, {
        keyOf: ({ key }) => key,
        make: () => el('li', { class: 'station' }, el('ul', { class: 'stops' })),
        update: (element, station) => {
          attribute(element, 'data-branches', String(station.hops.length))
          sync(find(element, '.stops'), station.hops, {
            keyOf: ({ hop }) => hop,
            make: makeStop,
            update: (stop, hop) => {
              updateStop(stop, hop, run)
              text(find(stop, '.rate'), isLive ? rateText(rates, hop, nowMs) : '')
            },
          })
        },
      })
    },
  }
}

/** @param {HopView} hop */
const one = (hop) => ({ key: hop.hop, hops: [hop] })

/**
 * @param {PlainHop} hop
 * @returns {HopView}
 */
function idle(hop) {
  const nothing = { expected: 0, seen: 0, violations: [], fidelity: null, p50Ms: null, p95Ms: null, p99Ms: null, maxMs: null }
  return { ...hop, ...nothing, watched: true, sampled: false, deliverWithinMs: null }
}

const kinds = { source: 'produced', topic: 'topic', table: 'table', api: 'API' }

/** @param {HopView} hop */
function makeStop(hop) {
  return el(
    'li',
    { class: 'stop' },
    el('div', { class: 'pipe', 'aria-hidden': 'true' }, el('div', { class: 'fill' }), el('div', { class: 'dot' })),
    el('p', { class: 'hop-name' }, el('span', { class: 'hop-kind' }, kinds[hop.kind]), ' ', ...breakable(hop.name)),
    el('p', { class: 'hop-count' }, el('strong', {}), el('span', {})),
    el('p', { class: 'rate' }),
    el('ul', { class: 'chips' }),
    lateness(),
    el('p', { class: 'hop-lateness' }),
  )
}

/**
 * Long names break at their dots.
 * @param {string} name
 */
const breakable = (name) => name.split(/(?<=[.\-_])/).flatMap((part, index) => (index === 0 ? [part] : [el('wbr'), part]))

/**
 * @param {HTMLElement} stop
 * @param {HopView} hop
 * @param {RunView | null} run
 */
function updateStop(stop, hop, run) {
  attribute(stop, 'data-state', stateOf(hop, run))
  find(stop, '.pipe').style.setProperty('--fill', String(fillOf(hop, run)))
  text(find(stop, '.hop-count strong'), hop.watched && run !== null ? countText(hop.seen) : '–')
  text(find(stop, '.hop-count span'), run === null ? '' : countNote(hop, run))
  sync(find(stop, '.chips'), chipsOf(hop, run), {
    keyOf: ({ kind }) => kind,
    make: ({ kind }) => el('li', { class: 'chip', 'data-kind': kind }),
    update: (chip, { label }) => {
      text(chip, label)
    },
  })
  updateLateness(stop, hop)
}

/**
 * @param {HopView} hop
 * @param {RunView | null} run
 */
function stateOf(hop, run) {
  if (run === null) return 'idle'
  if (!hop.watched) return 'unwatched'
  if (hop.violations.some(({ kind }) => kind !== 'late' && kind !== 'slow' && kind !== 'stale')) return 'bad'
  if (hop.violations.length > 0 || owedOf(hop, run) > 0) return 'late'
  if (hop.seen === 0) return 'idle'
  return hop.seen < hop.expected && !hop.sampled ? 'filling' : 'whole'
}

/**
 * Canaries that were expected, and neither seen nor judged, once nothing more can come.
 * @param {HopView} hop
 * @param {RunView} run
 */
function owedOf(hop, run) {
  if (run.judgedAtMs === null || hop.sampled || hop.kind === 'source') return 0
  const lost = hop.violations.reduce((sum, { kind, canaries }) => sum + (kind === 'lost' ? canaries : 0), 0)
  return hop.watched ? Math.max(0, hop.expected - hop.seen - lost) : 0
}

/**
 * @param {HopView} hop
 * @param {RunView | null} run
 */
function fillOf(hop, run) {
  if (run === null || run.planned === 0 || !hop.watched) return 0
  const seen = hop.sampled ? (hop.seen > 0 ? hop.expected : 0) : hop.seen
  return Math.min(1, seen / run.planned)
}

/**
 * @param {HopView} hop
 * @param {RunView} run
 */
function countNote(hop, run) {
  if (!hop.watched) return ' not watched by this plan'
  if (hop.kind === 'source') return ` of ${countText(run.planned)} acknowledged`
  if (hop.sampled) return ' right, of a sample'
  const share = hop.fidelity === null || run.judgedAtMs === null ? '' : ` · ${shareText(hop.fidelity)} whole`
  return ` of ${countText(hop.expected)}${share}`
}

/**
 * @param {HopView} hop
 * @param {RunView | null} run
 * @returns {{ kind: string, label: string }[]}
 */
function chipsOf(hop, run) {
  const owed = run === null ? 0 : owedOf(hop, run)
  const chips = hop.violations.map(({ kind, canaries }) => ({ kind, label: `${countText(canaries)} ${kind}` }))
  return owed === 0 ? chips : [...chips, { kind: 'owed', label: `${countText(owed)} unaccounted for` }]
}

/** A line from the median to p99 on the common axis, a mark at p95, and where late begins. */
function lateness() {
  const line = (/** @type {string} */ name) => svg('line', { class: name, y1: '5', y2: '5' })
  const mark = (/** @type {string} */ name) => svg('line', { class: name, y1: '1', y2: '9' })
  const drawing = svg(
    'svg',
    { class: 'lateness', 'aria-hidden': 'true', height: '10' },
    line('axis'),
    line('span'),
    mark('p95'),
    mark('limit'),
  )
  return drawing
}

/** @param {number} ms */
function placeOf(ms) {
  const decades = (/** @type {number} */ value) => Math.log10(Math.max(AXIS.fromMs, value) / AXIS.fromMs)
  return `${Math.min(100, (100 * decades(ms)) / decades(AXIS.untilMs)).toFixed(2)}%`
}

/**
 * @param {HTMLElement} stop
 * @param {HopView} hop
 */
function updateLateness(stop, hop) {
  const { p50Ms, p95Ms, p99Ms, deliverWithinMs } = hop
  const drawing = stop.querySelector('.lateness')
  if (drawing === null) return
  attribute(drawing, 'data-known', p95Ms !== null)
  /** @type {(name: string, fromMs: number | null, untilMs: number | null) => void} */
  const put = (name, fromMs, untilMs) => {
    const mark = drawing.querySelector(`.${name}`)
    if (mark === null) return
    attribute(mark, 'visibility', fromMs === null || untilMs === null ? 'hidden' : null)
    attribute(mark, 'x1', placeOf(fromMs ?? 0))
    attribute(mark, 'x2', placeOf(untilMs ?? 0))
  }
  put('axis', AXIS.fromMs, AXIS.untilMs)
  put('span', p50Ms, p99Ms)
  put('p95', p95Ms, p95Ms)
  put('limit', deliverWithinMs, deliverWithinMs)
  const limit = deliverWithinMs === null ? '' : ` · late after ${deliverWithinMs / 1000} s`
  text(find(stop, '.hop-lateness'), p95Ms === null ? '' : `p50 ${msText(p50Ms)} · p95 ${msText(p95Ms)}${limit}`)
}

/**
 * @param {Map<string, { atMs: number, seen: number, rate: number }>} rates
 * @param {HopView} hop
 * @param {number} nowMs
 */
function rateText(rates, hop, nowMs) {
  const last = rates.get(hop.hop)
  if (last === undefined) {
    rates.set(hop.hop, { atMs: nowMs, seen: hop.seen, rate: 0 })
    return ''
  }
  const forMs = nowMs - last.atMs
  if (forMs >= RATE_OVER_MS) {
    rates.set(hop.hop, { atMs: nowMs, seen: hop.seen, rate: Math.max(0, ((hop.seen - last.seen) * 1000) / forMs) })
  }
  const rate = Math.round(rates.get(hop.hop)?.rate ?? 0)
  return rate > 0 ? `${countText(rate)}/s` : ''
}

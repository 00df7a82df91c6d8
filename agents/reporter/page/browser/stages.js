import { attribute, byId, el, find, sync, text } from './dom.js'
import { agoText, durationText } from './figures.js'

/** @typedef {import('../views.ts').RunView} RunView */
/** @typedef {import('../views.ts').StageView} StageView */
/** @typedef {import('../views.ts').FaultView} FaultView */

/** When each stage ran, as bars over the time of the run; then faults, and evidence that is missing. */
export function createStages() {
  const box = byId('stages')
  const list = el('ol', { class: 'bars' })
  const faults = el('ul', { class: 'lines' })
  const missing = el('ul', { class: 'lines' })
  const empty = el('p', { class: 'note' }, 'Nothing to show.')
  box.append(empty, list, faults, missing)
  return {
    /** @param {{ run: RunView | null, nowMs: number }} known */
    show({ run, nowMs }) {
      attribute(empty, 'hidden', run !== null)
      const fromMs = run?.requestedAtMs ?? 0
      const untilMs = Math.max(fromMs + 1, run?.judgedAtMs ?? nowMs)
      sync(list, run?.stages ?? [], {
        keyOf: ({ stage }) => `${run?.runId ?? ''} ${stage}`,
        make: ({ stage, agent }) =>
          el(
            'li',
            { class: 'bar' },
            el('p', { class: 'bar-name' }, stage, ' ', el('span', { class: 'quiet' }, agent)),
            el('div', { class: 'bar-track', 'aria-hidden': 'true' }, el('div', { class: 'bar-fill' })),
            el('p', { class: 'bar-state' }),
            el('p', { class: 'bar-reason' }),
          ),
        update: (element, stage) => {
          updateBar(element, stage, { fromMs, untilMs, nowMs })
        },
      })
      sync(faults, run?.faults ?? [], {
        keyOf: ({ stage }) => stage,
        make: () => el('li', {}),
        update: (element, fault) => {
          text(element, faultText(fault, nowMs))
          attribute(element, 'data-phase', fault.phase)
        },
      })
      sync(missing, run?.missing ?? [], {
        keyOf: ({ hop, reason }) => `${hop} ${reason}`,
        make: ({ hop, reason }) => el('li', { 'data-phase': 'missing' }, `Evidence is missing at ${hop}: ${reason}`),
      })
    },
  }
}

const states = { waits: 'waits', runs: 'runs', ok: 'done', failed: 'failed', inconclusive: 'inconclusive', cancelled: 'cancelled' }

/**
 * @param {HTMLElement} element
 * @param {StageView} stage
 * @param {{ fromMs: number, untilMs: number, nowMs: number }} time
 */
function updateBar(element, stage, { fromMs, untilMs, nowMs }) {
  const startMs = stage.startedAtMs ?? untilMs
  const endMs = stage.endedAtMs ?? (stage.startedAtMs === null ? untilMs : Math.min(untilMs, nowMs))
  const share = (/** @type {number} */ atMs) => Math.min(1, Math.max(0, (atMs - fromMs) / (untilMs - fromMs)))
  const fill = find(element, '.bar-fill')
  fill.style.setProperty('--from', String(share(startMs)))
  fill.style.setProperty('--until', String(share(endMs)))
  attribute(element, 'data-state', stage.state)
  const took = stage.startedAtMs === null ? '' : ` ${durationText(endMs - startMs)}`
  text(find(element, '.bar-state'), `${states[stage.state]}${took}`)
  text(find(element, '.bar-reason'), stage.reason)
}

/**
 * @param {FaultView} fault
 * @param {number} nowMs
 */
function faultText({ fault, target, phase, atMs, recoveryMs, detail }, nowMs) {
  const recovered = recoveryMs === null ? '' : ` after ${durationText(recoveryMs)}`
  const said = detail === '' ? '' : ` (${detail})`
  return `Fault ${fault} of ${target}: ${phase}${recovered}, ${agoText(nowMs - atMs)}${said}`
}

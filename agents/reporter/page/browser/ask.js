import { attribute, byId, el, find, sync, text } from './dom.js'

/** @typedef {import('../views.ts').PlanView} PlanView */
/** @typedef {import('../views.ts').RunView} RunView */

const TOKEN = 'assay-page-token'

/**
 * Asks the reporter, and tells how it went. A token that was refused is forgotten.
 * @param {string} path
 * @param {{ token: string, body: object }} wish
 * @returns {Promise<{ ok: boolean, runId: string | null, problems: readonly string[] }>}
 */
async function post(path, { token, body }) {
  try {
    const response = await fetch(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify(body),
    })
    if (response.status === 401) sessionStorage.removeItem(TOKEN)
    else sessionStorage.setItem(TOKEN, token)
    const said = /** @type {{ runId?: string, problems?: string[] }} */ (await response.json())
    return { ok: response.ok, runId: said.runId ?? null, problems: said.problems ?? [] }
  } catch (error) {
    return { ok: false, runId: null, problems: [`the reporter did not answer: ${String(error)}`] }
  }
}

/** @param {string} id */
function tokenField(id) {
  const input = el('input', { type: 'password', id, name: 'token', autocomplete: 'off', required: true })
  return {
    field: el('p', { class: 'field' }, el('label', { for: id }, 'Token'), input),
    fill: () => {
      input.value = sessionStorage.getItem(TOKEN) ?? ''
    },
    value: () => input.value,
  }
}

/** The form that asks for a run. It is there only where the reporter was given a token. */
export function createAsk() {
  const section = byId('ask')
  const token = tokenField('ask-token')
  const plan = el('select', { id: 'ask-plan', name: 'plan' })
  const about = el('p', { class: 'note', id: 'ask-about' })
  const parameters = el('div', { class: 'fields' })
  const outcome = el('p', { class: 'outcome', role: 'status' })
  const start = el('button', { type: 'submit', class: 'button primary' }, 'Start')
  const form = el(
    'form',
    { class: 'form' },
    el('p', { class: 'field' }, el('label', { for: 'ask-plan' }, 'Plan'), plan),
    about,
    parameters,
    token.field,
    el('p', { class: 'actions' }, start),
    outcome,
  )
  /** @type {readonly PlanView[]} */
  let plans = []
  const showPlan = () => {
    const chosen = plans.find((one) => one.plan === plan.value)
    const exclusive = chosen?.exclusive === true ? ' It waits until no other run is under way.' : ''
    text(about, `${chosen?.description ?? ''}${exclusive}`)
    sync(parameters, chosen?.parameters ?? [], {
      keyOf: ({ name }) => `${plan.value} ${name}`,
      make: ({ name, value }) => {
        const id = `ask-${name}`
        return el('p', { class: 'field' }, el('label', { for: id }, name), el('input', { id, name, value, autocomplete: 'off' }))
      },
    })
  }
  plan.addEventListener('change', showPlan)
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    const inputs = [...parameters.querySelectorAll('input')].map((input) => [input.name, input.value])
    start.disabled = true
    text(outcome, 'Asking …')
    void post('/api/runs', { token: token.value(), body: { plan: plan.value, parameters: Object.fromEntries(inputs) } }).then((said) => {
      start.disabled = false
      attribute(outcome, 'data-ok', said.ok)
      outcome.replaceChildren(
        ...(said.ok ? ['Asked for: ', el('a', { href: `/runs/${said.runId ?? ''}` }, 'follow the run')] : [said.problems.join('; ')]),
      )
    })
  })
  return {
    /** @param {{ mayAct: boolean, plans: readonly PlanView[] }} page */
    show({ mayAct, plans: given }) {
      attribute(section, 'hidden', !mayAct)
      if (!mayAct) {
        section.replaceChildren()
        return
      }
      // What goes on for ever is not what somebody means who changes nothing.
      plans = [...given].sort(
        (one, other) => Number(one.repeats) - Number(other.repeats) || Number(one.exclusive) - Number(other.exclusive),
      )
      if (section.childElementCount === 0) {
        section.append(el('details', {}, el('summary', {}, el('h2', { id: 'ask-title' }, 'Start a run')), form))
        token.fill()
      }
      sync(plan, plans, { keyOf: (one) => one.plan, make: (one) => el('option', { value: one.plan }, one.plan) })
      showPlan()
    },
  }
}

/** Asks twice before a run is cancelled. */
export function createCancel() {
  const dialog = byId('cancel')
  if (!(dialog instanceof HTMLDialogElement)) throw new Error('#cancel is no dialog')
  const token = tokenField('cancel-token')
  const reason = el('input', { id: 'cancel-reason', name: 'reason', maxlength: '500', autocomplete: 'off' })
  const outcome = el('p', { class: 'outcome', role: 'status' })
  const keep = el('button', { type: 'button', class: 'button' }, 'Let it run')
  const end = el('button', { type: 'submit', class: 'button danger' }, 'Cancel it')
  const form = el(
    'form',
    { class: 'form' },
    el('h2', { id: 'cancel-title' }, 'Cancel the run?'),
    el('p', { class: 'note' }, 'Its stages stop, faults heal, clean-up runs, and the verdict is inconclusive.'),
    el('p', { class: 'field' }, el('label', { for: 'cancel-reason' }, 'Why (kept with the run)'), reason),
    token.field,
    el('p', { class: 'actions' }, end, keep),
    outcome,
  )
  dialog.append(form)
  /** @type {RunView | null} */
  let run = null
  keep.addEventListener('click', () => {
    dialog.close()
  })
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    if (run === null) return
    end.disabled = true
    void post(`/api/runs/${run.runId}/cancel`, { token: token.value(), body: { reason: reason.value } }).then((said) => {
      end.disabled = false
      text(outcome, said.ok ? '' : said.problems.join('; '))
      attribute(outcome, 'data-ok', said.ok)
      if (said.ok) dialog.close()
    })
  })
  return {
    /** @param {RunView} given */
    open(given) {
      run = given
      text(find(dialog, 'h2'), given.phase === 'judged' ? `End the series of ${given.plan}?` : `Cancel the run of ${given.plan}?`)
      text(outcome, '')
      token.fill()
      dialog.showModal()
    },
  }
}

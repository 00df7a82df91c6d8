/** The label without which a container is nobody's business here. */
export const LABEL = 'assay.chaos'
export const ALLOWED = 'allowed'

const actions = ['pause', 'unpause', 'kill', 'restart'] as const
type Action = (typeof actions)[number]

export type Passage =
  | { readonly kind: 'ping' }
  | { readonly kind: 'inspect'; readonly container: string }
  | { readonly kind: 'measure'; readonly container: string }
  | { readonly kind: 'act'; readonly container: string; readonly action: Action; readonly query: string }
  | { readonly kind: 'refuse'; readonly why: string }

/** Names and ids as the engine gives them; nothing that could lead elsewhere in the API. */
const container = /^\/containers\/([a-zA-Z0-9][a-zA-Z0-9_.-]{0,127})\/([a-z]+)$/
/** One reading, at once: not a stream, and no second reading a second later. */
export const ONE_READING = '?stream=false&one-shot=true'
const query = /^\?(signal=(SIG)?[A-Z0-9]{1,10}|t=\d{1,3})$/

/** What a request may have: six calls about one container, and the ping of the health check. */
export function passageOf(method: string, url: string): Passage {
  const at = url.indexOf('?')
  const path = at < 0 ? url : url.slice(0, at)
  const given = at < 0 ? '' : url.slice(at)
  if (method === 'GET' && url === '/_ping') return { kind: 'ping' }
  const [, name, what] = container.exec(path) ?? []
  if (name === undefined) return { kind: 'refuse', why: `${method} ${path}: not among what chaos needs` }
  if (method === 'GET' && what === 'json' && given === '') return { kind: 'inspect', container: name }
  if (method === 'GET' && what === 'stats' && given === ONE_READING) return { kind: 'measure', container: name }
  const action = actions.find((known) => known === what)
  if (method !== 'POST' || action === undefined) return { kind: 'refuse', why: `${method} ${path}: not among what chaos needs` }
  const mayHaveQuery = action === 'kill' || action === 'restart'
  if (given !== '' && !(mayHaveQuery && query.test(given))) return { kind: 'refuse', why: `${path}: ${given} is not understood` }
  return { kind: 'act', container: name, action, query: given }
}

/** From the engine's answer to an inspection: its full id where the label allows it, else null. A name may change hands, an id does not. */
export function allowedId(answer: unknown): string | null {
  if (typeof answer !== 'object' || answer === null) return null
  const { Id: id, Config: config } = answer as { Id?: unknown; Config?: { Labels?: Record<string, unknown> | null } }
  return typeof id === 'string' && /^[0-9a-f]{64}$/.test(id) && config?.Labels?.[LABEL] === ALLOWED ? id : null
}

/** Of an inspection only what chaos looks at: environments hold secrets. */
export function shownOf(answer: unknown): unknown {
  const { Id, Name, State } = answer as { Id?: unknown; Name?: unknown; State?: unknown }
  return { Id, Name, State }
}

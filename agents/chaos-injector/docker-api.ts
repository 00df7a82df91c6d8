import { z } from 'zod'
import { AssayError } from '../../shared/core/errors.ts'

const TIMEOUT_MS = 5_000

const inspected = z
  .object({
    Id: z.string().min(1),
    State: z.object({ Status: z.string(), Running: z.boolean(), Paused: z.boolean(), StartedAt: z.string() }),
  })
  .transform(({ Id, State }) => ({
    id: Id,
    status: State.Status,
    isRunning: State.Running,
    isPaused: State.Paused,
    startedAt: State.StartedAt,
  }))
export type ContainerState = z.infer<typeof inspected>

/** Null when there is no such container. Throws INPUT_INVALID when the API refuses, and what fetch throws when it does not answer. */
export async function inspectContainer(api: string, container: string): Promise<ContainerState | null> {
  const answer = await ask(api, `/containers/${encodeURIComponent(container)}/json`, 'GET')
  if (answer.status === 404) return null
  if (answer.status !== 200) throw refused(`GET ${container}`, answer)
  return inspected.parse(JSON.parse(answer.text))
}

/** 304 and 409 say that it is so already, or cannot be so: a look afterwards tells which. */
export async function askContainer(api: string, container: string, what: 'pause' | 'unpause'): Promise<void> {
  const answer = await ask(api, `/containers/${encodeURIComponent(container)}/${what}`, 'POST')
  if (![200, 204, 304, 404, 409].includes(answer.status)) throw refused(`${what} ${container}`, answer)
}

interface Answer {
  readonly status: number
  readonly text: string
}

async function ask(api: string, path: string, method: 'GET' | 'POST'): Promise<Answer> {
  const response = await fetch(new URL(path, api), { method, signal: AbortSignal.timeout(TIMEOUT_MS) })
  return { status: response.status, text: await response.text() }
}

const refused = (what: string, { status, text }: Answer) =>
  new AssayError('INPUT_INVALID', `Docker's API answered ${what} with ${status}: ${text.slice(0, 200)}`)

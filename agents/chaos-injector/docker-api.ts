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

const count = z.number().nonnegative()
const stats = z.object({
  cpu_stats: z.object({ cpu_usage: z.object({ total_usage: count }) }),
  memory_stats: z
    .object({
      usage: count.optional(),
      stats: z.object({ inactive_file: count.optional(), total_inactive_file: count.optional() }).nullish(),
    })
    .nullish(),
  /** By interface, loopback apart. Absent where the container has no network of its own. */
  networks: z.record(z.string(), z.object({ rx_bytes: count, tx_bytes: count })).nullish(),
})
export type ContainerStats = z.infer<typeof stats>

/** Where the API is, and how long its answer may take. */
export interface Engine {
  readonly api: string
  readonly answerWithinMs?: number
}

/** Null when there is no such container. Throws INPUT_INVALID when the API refuses, and what fetch throws when it does not answer. */
export async function inspectContainer(engine: Engine, container: string): Promise<ContainerState | null> {
  const answer = await ask(engine, `/containers/${encodeURIComponent(container)}/json`, 'GET')
  if (answer.status === 404) return null
  if (answer.status !== 200) throw refused(`GET ${container}`, answer)
  return inspected.parse(JSON.parse(answer.text))
}

/** What a container has used, as the engine's names have it; null and throws as above. Of one that does not run all is 0 or absent. */
export async function containerStats(engine: Engine, container: string): Promise<ContainerStats | null> {
  const answer = await ask(engine, `/containers/${encodeURIComponent(container)}/stats?stream=false&one-shot=true`, 'GET')
  if (answer.status === 404) return null
  if (answer.status !== 200) throw refused(`GET stats of ${container}`, answer)
  return stats.parse(JSON.parse(answer.text))
}

/** 304 and 409 say that it is so already, or cannot be so: a look afterwards tells which. */
export async function askContainer(engine: Engine, container: string, what: 'pause' | 'unpause'): Promise<void> {
  const answer = await ask(engine, `/containers/${encodeURIComponent(container)}/${what}`, 'POST')
  if (![200, 204, 304, 404, 409].includes(answer.status)) throw refused(`${what} ${container}`, answer)
}

interface Answer {
  readonly status: number
  readonly text: string
}

async function ask({ api, answerWithinMs = TIMEOUT_MS }: Engine, path: string, method: 'GET' | 'POST'): Promise<Answer> {
  const response = await fetch(new URL(path, api), { method, signal: AbortSignal.timeout(answerWithinMs) })
  return { status: response.status, text: await response.text() }
}

const refused = (what: string, { status, text }: Answer) =>
  new AssayError('INPUT_INVALID', `Docker's API answered ${what} with ${status}: ${text.slice(0, 200)}`)

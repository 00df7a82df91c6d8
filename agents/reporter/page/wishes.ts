import { createHash, randomUUID, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { controlMessage, type ControlMessage } from '../../../schemas/control.ts'
import { deterministicRunId } from '../../../shared/core/identity.ts'
import type { Bus } from '../../../shared/runtime/bus.ts'
import type { Clock } from '../../../shared/runtime/clock.ts'
import { loadPlan } from '../../../topology/load.ts'

/** What people ask for on the page: runs and their end. Nothing is done here; a message goes to the control topic. */
export interface WishOptions {
  readonly token: string | null
  /** Texts of the shipped plans by name. */
  readonly plans: ReadonlyMap<string, string>
  readonly bus: Pick<Bus, 'request'>
  readonly clock: Clock
  /** Who asks, for the audit trail. */
  readonly requestedBy: string
  /** How long the control topic may take to acknowledge. */
  readonly acknowledgeWithinMs?: number
}

export interface Reply {
  readonly status: number
  readonly body: object
}

export interface Wishes {
  /** Null when the request may be carried out, else why not. */
  refusal(headers: IncomingHttpHeaders): Reply | null
  run(body: unknown): Promise<Reply>
  cancel(runId: string, body: unknown): Promise<Reply>
}

const ACKNOWLEDGE_WITHIN_MS = 10_000
const WISHES_PER_MINUTE_MAX = 30

const runWish = z.strictObject({
  plan: z.string().min(1).max(200),
  parameters: z.record(z.string().max(200), z.union([z.string().max(1_000), z.number()]).transform(String)).default({}),
})
const cancelWish = z.strictObject({ reason: z.string().max(500).default('') })

const reply = (status: number, ...problems: string[]): Reply => ({ status, body: { problems } })

export function createWishes(options: WishOptions): Wishes {
  const { token, plans, bus, clock, requestedBy, acknowledgeWithinMs = ACKNOWLEDGE_WITHIN_MS } = options
  let recentMs: number[] = []

  const send = async (message: ControlMessage & { runId: string }): Promise<Reply> => {
    const checked = controlMessage.safeParse(message)
    if (!checked.success) return reply(400, ...problemsOf(checked.error))
    recentMs = recentMs.filter((atMs) => clock.nowMs() - atMs < 60_000)
    if (recentMs.length >= WISHES_PER_MINUTE_MAX) return reply(429, `no more than ${WISHES_PER_MINUTE_MAX} requests a minute`)
    recentMs.push(clock.nowMs())
    const { runId } = message
    const late = new AbortController()
    try {
      const sent = await Promise.race([bus.request(checked.data), sleep(acknowledgeWithinMs, null, { signal: late.signal })])
      if (sent === null)
        return {
          status: 504,
          body: { runId, problems: [`Kafka did not acknowledge within ${acknowledgeWithinMs} ms: the request may come through yet`] },
        }
      return { status: 202, body: { runId, href: `/runs/${runId}`, controlOffset: sent.offset } }
    } catch (error) {
      return reply(503, `the control topic did not take it: ${error instanceof Error ? error.message : String(error)}`)
    } finally {
      late.abort()
    }
  }

  return {
    refusal(headers) {
      if (token === null) return reply(403, 'runs cannot be asked for here: the reporter was started without ASSAY_PAGE_TOKEN')
      if (!isSameOrigin(headers)) return reply(403, 'the request comes from a page of another origin')
      const [, given] = /^Bearer (.+)$/i.exec(headers.authorization ?? '') ?? []
      if (given === undefined) return reply(401, 'a token is needed: Authorization: Bearer …')
      return isSame(given, token) ? null : reply(401, 'the token is not the one the reporter was started with')
    },
    async run(body) {
      const wish = runWish.safeParse(body ?? {})
      if (!wish.success) return reply(400, ...problemsOf(wish.error))
      const { plan, parameters } = wish.data
      const text = plans.get(plan)
      if (text === undefined) return reply(400, `plan: expected one of ${[...plans.keys()].join(', ')}, got ${plan}`)
      const loaded = loadPlan(`${plan}.yaml`, text, parameters)
      if (!loaded.ok) return reply(400, ...loaded.problems.map(({ path, message }) => `${path}: ${message}`))
      const runId = deterministicRunId(clock.nowMs(), `page/${randomUUID()}`)
      return send({ kind: 'run-requested', runId, plan, parameters, window: null, requestedBy })
    },
    async cancel(runId, body) {
      const wish = cancelWish.safeParse(body ?? {})
      if (!wish.success) return reply(400, ...problemsOf(wish.error))
      return send({ kind: 'run-cancelled', runId, reason: wish.data.reason || `cancelled on the page`, requestedBy })
    },
  }
}

const problemsOf = ({ issues }: z.ZodError) => issues.map(({ path, message }) => `${path.join('.') || 'body'}: ${message}`)

const digest = (text: string) => createHash('sha256').update(text).digest()

/** In a time that tells neither length nor place of a difference. */
const isSame = (given: string, token: string) => timingSafeEqual(digest(given), digest(token))

/** Browsers say where a request comes from; what says nothing is no browser, and holds the token or not. */
export function isSameOrigin(headers: IncomingHttpHeaders): boolean {
  const { origin, host } = headers
  const site = headers['sec-fetch-site']
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return false
  if (origin === undefined) return true
  try {
    return new URL(origin).host === host
  } catch {
    return false
  }
}

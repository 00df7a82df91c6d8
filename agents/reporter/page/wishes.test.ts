import { describe, expect, test } from 'vitest'
import type { ControlMessage } from '../../../schemas/control.ts'
import { AssayError } from '../../../shared/core/errors.ts'
import { createWishes, isSameOrigin, type WishOptions } from './wishes.ts'

const TOKEN = 'sixteen and more letters'
const plan = `version: 1
name: small
parameters: { canaries: 10 }
load: { canaries: '{{canaries}}', ratePerSecond: 10 }
stages: [{ stage: produce, task: produce }]
`
const RUN = '01999999-0000-7000-8000-000000000001'

function wishesOf(said: Partial<WishOptions> = {}) {
  const sent: ControlMessage[] = []
  const time = { nowMs: 1_760_000_000_000 }
  const clock = { nowMs: () => time.nowMs, every: () => () => undefined }
  const bus = {
    request: (message: ControlMessage) => {
      sent.push(message)
      return Promise.resolve({ offset: 7 })
    },
  }
  const wishes = createWishes({ token: TOKEN, plans: new Map([['small', plan]]), bus, clock, requestedBy: 'page@box', ...said })
  return { wishes, sent, time }
}

describe('who may ask', () => {
  test.each([
    { what: 'nobody, without a token set', token: null, headers: { authorization: `Bearer ${TOKEN}` }, status: 403 },
    { what: 'not one without a token', token: TOKEN, headers: {}, status: 401 },
    { what: 'not one with another scheme', token: TOKEN, headers: { authorization: `Basic ${TOKEN}` }, status: 401 },
    { what: 'not one with a wrong token', token: TOKEN, headers: { authorization: 'Bearer sixteen and more letterz' }, status: 401 },
    { what: 'not one with the start of the token', token: TOKEN, headers: { authorization: 'Bearer sixteen' }, status: 401 },
    {
      what: 'not a page of another origin that holds the token',
      token: TOKEN,
      headers: { authorization: `Bearer ${TOKEN}`, host: 'assay:1', origin: 'http://elsewhere' },
      status: 403,
    },
    { what: 'whoever holds the token', token: TOKEN, headers: { authorization: `Bearer ${TOKEN}` }, status: null },
  ])('$what', ({ token, headers, status }) => {
    expect(wishesOf({ token }).wishes.refusal(headers)?.status ?? null).toBe(status)
  })

  test.each([
    [{ host: 'a:1' }, true],
    [{ host: 'a:1', origin: 'http://a:1' }, true],
    [{ host: 'a', origin: 'https://a' }, true],
    [{ host: 'a:1', origin: 'http://a:2' }, false],
    [{ host: 'a:1', origin: 'null' }, false],
    [{ host: 'a:1', origin: 'http://a:1', 'sec-fetch-site': 'same-origin' }, true],
    [{ host: 'a:1', origin: 'http://a:1', 'sec-fetch-site': 'cross-site' }, false],
    [{ host: 'a:1', 'sec-fetch-site': 'same-site' }, false],
  ])('origin of %o: %s', (headers, isSame) => {
    expect(isSameOrigin(headers)).toBe(isSame)
  })
})

describe('what is asked for', () => {
  test('goes to the control topic under an id of its own, with who asks', async () => {
    const { wishes, sent } = wishesOf()
    const { status, body } = await wishes.run({ plan: 'small', parameters: { canaries: 5 } })
    expect(sent).toMatchObject([
      { kind: 'run-requested', plan: 'small', parameters: { canaries: '5' }, window: null, requestedBy: 'page@box' },
    ])
    const runId = sent[0]?.kind === 'run-requested' ? sent[0].runId : null
    expect({ status, body }).toEqual({ status: 202, body: { runId, href: `/runs/${runId}`, controlOffset: 7 } })
    await wishes.run({ plan: 'small' })
    expect(sent[1]).not.toMatchObject({ runId })
    await wishes.cancel(RUN, undefined)
    expect(sent[2]).toEqual({ kind: 'run-cancelled', runId: RUN, reason: 'cancelled on the page', requestedBy: 'page@box' })
  })

  test.each([
    { body: undefined, problem: /^plan: / },
    { body: { plan: 'other' }, problem: /^plan: expected one of small, got other$/ },
    { body: { plan: '../../secret' }, problem: /^plan: expected one of small/ },
    { body: { plan: 'small', parameters: { speed: '1' } }, problem: /^parameters.speed: the plan has no such parameter/ },
    { body: { plan: 'small', parameters: { canaries: 'many' } }, problem: /^load.canaries: / },
    { body: { plan: 'small', window: null }, problem: /^body: / },
    { body: [], problem: /^body: / },
  ])('is refused at once when it cannot be a run: $body', async ({ body, problem }) => {
    const { wishes, sent } = wishesOf()
    const refused = await wishes.run(body)
    expect(refused.status).toBe(400)
    expect((refused.body as { problems: string[] }).problems[0]).toMatch(problem)
    expect(sent).toEqual([])
  })

  test('is limited by the minute', async () => {
    const { wishes, sent, time } = wishesOf()
    const statuses = []
    for (let i = 0; i < 31; i++) statuses.push((await wishes.run({ plan: 'small' })).status)
    expect(statuses.filter((status) => status === 202)).toHaveLength(30)
    expect(statuses.at(-1)).toBe(429)
    time.nowMs += 60_000
    expect((await wishes.run({ plan: 'small' })).status).toBe(202)
    expect(sent).toHaveLength(31)
  })

  test('is said to have failed, or not to be known, when Kafka does not take it', async () => {
    const refused = wishesOf({ bus: { request: () => Promise.reject(new AssayError('BUS_UNAVAILABLE', 'no broker answers')) } })
    expect(await refused.wishes.run({ plan: 'small' })).toEqual({
      status: 503,
      body: { problems: ['the control topic did not take it: no broker answers'] },
    })
    const silent = wishesOf({ bus: { request: () => new Promise(() => undefined) }, acknowledgeWithinMs: 1 })
    const { status, body } = await silent.wishes.cancel(RUN, { reason: 'x' })
    expect([status, body]).toMatchObject([504, { runId: RUN }])
  })
})

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { z } from 'zod'
import type { RunFact } from '../../schemas/results.ts'
import { PlayedCore } from '../../shared/core/played-core.fixture.ts'
import { RUN, chaosPlan, cleanFacts, told } from '../../shared/core/told-run.fixture.ts'
import { annotationsOf, createAnnotator, type Annotator } from './annotations.ts'
import { reporterCore, type ReporterEffect, type ReporterEvent, type ReporterState, type WriteReports } from './core.ts'

/** The body of POST /api/annotations as Grafana's documentation has it, for an annotation of the whole organisation. */
const documented = z.strictObject({
  time: z.int().positive(),
  timeEnd: z.int().positive().optional(),
  tags: z.array(z.string().min(1)).min(1),
  text: z.string().min(1),
})

const JUDGED_AT_MS = 200

function judged(...facts: RunFact[]): WriteReports {
  const played = new PlayedCore<ReporterState, ReporterEvent, ReporterEffect>(reporterCore).hear(...facts).caughtUp()
  const [report] = played.until(JUDGED_AT_MS).take('write-reports')
  if (report === undefined) throw new Error('the run was not judged')
  return report
}

const lost = (hop: string) => told('violation-found', { hop, atMs: 90 })
const faultAt = (phase: 'injected' | 'bit' | 'healed' | 'recovered', atMs: number) =>
  told('fault-changed', { phase, atMs, ...(phase === 'recovered' ? { recoveryMs: 1_500 } : {}) })
const chaos = judged(
  ...cleanFacts(chaosPlan),
  ...(['injected', 'bit', 'healed', 'recovered'] as const).map((phase, i) => faultAt(phase, 10 * (i + 1))),
)
const failed = judged(...cleanFacts().slice(0, -1), lost('table:lake.trades'), cleanFacts().at(-1) as RunFact)

describe('annotations of a run', () => {
  test('are its verdict as a point, with the hops that were bad and a link that sets time and run', () => {
    expect(annotationsOf(failed, '/grafana')).toMatchObject([
      {
        time: JUDGED_AT_MS,
        tags: ['assay', 'verdict', 'fail', 'plan:told', 'hop:table:lake.trades'],
        text: expect.stringContaining(`<a href="/grafana/d/assay-run?var-run=${RUN}&from=0&to=${JUDGED_AT_MS}">`) as string,
      },
    ])
    expect(annotationsOf(failed)[0]).not.toHaveProperty('timeEnd')
  })

  test('and each fault as a window from injection to heal', () => {
    expect(annotationsOf(chaos)[0]).toEqual({
      key: `fault ${RUN} pause-sink`,
      time: 10,
      timeEnd: 30,
      tags: ['assay', 'fault', 'fault:pause', 'target:sink'],
      text: `<b>pause</b> of sink<ul><li>recovered 1.5 s after it was healed</li></ul>run ${RUN}`,
    })
  })

  test('end at the verdict where no heal was told, and are none where nothing was injected', () => {
    const facts = [...chaos.evidence.faults.slice(0, 1)]
    const open = annotationsOf({ ...chaos, evidence: { ...chaos.evidence, faults: facts } })
    expect(open[0]).toMatchObject({ time: 10, timeEnd: JUDGED_AT_MS, text: expect.stringContaining('no heal was told') as string })
    expect(annotationsOf({ ...chaos, evidence: { ...chaos.evidence, faults: [] } })).toHaveLength(1)
  })

  test('show what comes from data as text, and stay short', () => {
    const nasty = `<img src=x onerror="alert('1')">&`
    const reasons = Array.from({ length: 9 }, () => nasty.repeat(20))
    const [mark] = annotationsOf({ ...failed, judgement: { ...failed.judgement, reasons } })
    expect(mark?.text).not.toContain('<img')
    expect(mark?.text).toContain('&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt;&amp;')
    expect(mark?.text.length).toBeLessThanOrEqual(2_000)
  })
})

interface Asked {
  readonly line: string
  readonly token: string | undefined
  readonly body: unknown
}

describe('the annotator', () => {
  const closing: (() => Promise<void>)[] = []
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close()
  })

  /** A server that keeps what it is asked, and answers with the statuses in turn; the last again and again. */
  async function grafana(...statuses: number[]) {
    const asked: Asked[] = []
    const answer = async (request: IncomingMessage, response: ServerResponse) => {
      const chunks = await Array.fromAsync(request as AsyncIterable<Buffer>)
      const line = `${request.method ?? ''} ${request.url ?? ''} ${request.headers['content-type'] ?? ''}`
      asked.push({ line, token: request.headers.authorization, body: JSON.parse(Buffer.concat(chunks).toString()) })
      const status = statuses.length > 1 ? (statuses.shift() as number) : (statuses[0] ?? 200)
      // Location would take the token elsewhere if it were followed.
      response
        .writeHead(status, { 'content-type': 'application/json', location: '/elsewhere' })
        .end('{"message":"Annotation added","id":1}')
    }
    const server = createServer((request, response) => void answer(request, response))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    closing.push(
      () =>
        new Promise((resolve) => {
          server.close(() => {
            resolve()
          })
          server.closeAllConnections()
        }),
    )
    return { asked, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/base/` }
  }

  function annotator(url: string) {
    const said: string[] = []
    const note = (level: string) => (_fields: object, message: string) => void said.push(`${level}: ${message}`)
    const log = { warn: note('warn'), error: note('error') }
    let turn: (atMs: number) => void = () => undefined
    const clock = { nowMs: () => 0, every: (_ms: number, given: typeof turn) => ((turn = given), () => undefined) }
    const made: Annotator = createAnnotator({ url, token: 'secret' }, { clock, log })
    closing.push(() => made.close())
    return {
      made,
      said,
      turn: () => {
        turn(0)
      },
    }
  }

  test('posts what the documentation asks for, faults first, each once', async () => {
    const { asked, url } = await grafana(200)
    const { made, said } = annotator(url)
    made.tell(chaos)
    made.tell(chaos)
    await vi.waitFor(() => {
      expect(asked).toHaveLength(2)
    })
    made.tell(failed)
    await vi.waitFor(() => {
      expect(asked).toHaveLength(3)
    })
    expect(new Set(asked.map(({ line, token }) => `${line} ${token}`))).toEqual(
      new Set(['POST /base/api/annotations application/json Bearer secret']),
    )
    const bodies = asked.map(({ body }) => documented.parse(body))
    expect(bodies.map(({ time, timeEnd, tags }) => [time, timeEnd, tags[1]])).toEqual([
      [10, 30, 'fault'],
      [JUDGED_AT_MS, undefined, 'verdict'],
      [JUDGED_AT_MS, undefined, 'verdict'],
    ])
    expect(said).toEqual([])
  })

  test('marks a fault while it happens, and not again with the verdict', async () => {
    const { asked, url } = await grafana(200)
    const { made } = annotator(url)
    made.hear(faultAt('injected', 10))
    made.caughtUp()
    made.hear(faultAt('bit', 20))
    made.hear(faultAt('healed', 30))
    made.hear(faultAt('healed', 30))
    made.hear(faultAt('recovered', 40))
    made.tell(chaos)
    await vi.waitFor(() => {
      expect(asked).toHaveLength(3)
    })
    const bodies = asked.map(({ body }) => documented.parse(body))
    expect(bodies.map(({ time, timeEnd, tags }) => [time, timeEnd, tags[1]])).toEqual([
      [10, 30, 'fault'],
      [40, undefined, 'fault'],
      [JUDGED_AT_MS, undefined, 'verdict'],
    ])
    expect(bodies[1]?.text).toContain('recovered 1.5 s after it was healed')
  })

  test('keeps what an ailing Grafana did not take, asks once a turn, and says so once', async () => {
    const { asked, url } = await grafana(503, 429, 200)
    const { made, said, turn } = annotator(url)
    made.tell(failed)
    for (const times of [1, 2, 3]) {
      await vi.waitFor(
        () => {
          turn()
          expect(asked).toHaveLength(times)
        },
        { interval: 5 },
      )
    }
    expect(new Set(asked.map(({ body }) => JSON.stringify(body))).size).toBe(1)
    expect(said).toEqual(['warn: Grafana takes no annotations now: they wait'])
  })

  test.each([400, 401, 302])('lets go of what is answered with %i, and goes on', async (status) => {
    const { asked, url } = await grafana(status, 200)
    const { made, said } = annotator(url)
    made.tell(chaos)
    await vi.waitFor(() => {
      expect(asked).toHaveLength(2)
    })
    expect(asked[0]?.body).not.toEqual(asked[1]?.body)
    expect(said).toEqual(['error: Grafana refused an annotation'])
  })

  test('holds a bounded number of them meanwhile, the newest, and says how many it dropped', async () => {
    const { asked, url } = await grafana(503, 200)
    const { made, said, turn } = annotator(url)
    for (let atMs = 1; atMs <= 600; atMs++) made.tell({ ...failed, atMs })
    await vi.waitFor(
      () => {
        turn()
        expect(asked).toHaveLength(501)
      },
      { interval: 5, timeout: 20_000 },
    )
    const times = asked.slice(1).map(({ body }) => documented.parse(body).time)
    expect([times[0], times.at(-1)]).toEqual([101, 600])
    expect(said).toEqual([
      'warn: Grafana takes no annotations now: they wait',
      'warn: Grafana is back; the oldest annotations were dropped meanwhile',
    ])
  })

  test('closes at once although nobody answers', async () => {
    const { made } = annotator('http://127.0.0.1:1')
    made.tell(failed)
    await made.close()
  })

  test('does nothing where there is no Grafana', async () => {
    const unused = () => expect.unreachable()
    const silent = createAnnotator(null, { clock: { nowMs: () => 0, every: unused }, log: { warn: unused, error: unused } })
    silent.tell(failed)
    await silent.close()
  })
})

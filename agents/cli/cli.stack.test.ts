import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startStack, type Stack } from '../../compose/local/stack.ts'
import type { ResultMessage } from '../../schemas/results.ts'
import type { BusEvent } from '../../shared/core/bus-events.ts'
import type { Bus } from '../../shared/runtime/bus.ts'
import { createClock } from '../../shared/runtime/clock.ts'
import { createKafkaBus } from '../../shared/runtime/kafka-bus.ts'
import { connectKafka } from '../../shared/runtime/kafka.ts'
import { createLog } from '../../shared/runtime/log.ts'
import { cleanFacts, SAMPLE_RUN_ID, SAMPLE_START_MS, sourceOf, violation } from '../reporter/reports/sample-run.ts'

/** The CLI as a process, on a real broker; a stand-in for the agents answers each request with a run told in advance. */
const dir = mkdtempSync(join(tmpdir(), 'assay-cli-stack-'))
let stack: Stack | undefined
let agents: Bus | undefined

beforeAll(async () => {
  stack = await startStack({ dir, progress: () => undefined, only: ['kafka'] })
  expect(await assay('topics')).toMatchObject({ code: 64, out: expect.stringContaining('topic assay.control: missing') as string })
  expect((await assay('topics', '--create')).code).toBe(0)
  agents = createKafkaBus({
    link: connectKafka({ brokers: [String(stack.env['ASSAY_KAFKA_BOOTSTRAP'])], clientId: 'assay.stand-in' }),
    registry: null,
    clock: createClock(),
    log: createLog({ agent: 'stand-in', instance: '0', level: 'silent' }),
    controlTopic: 'assay.control',
    resultsTopic: 'assay.results',
  })
  await agents.start(answer)
})

afterAll(async () => {
  await agents?.close()
  await stack?.stop()
  rmSync(dir, { recursive: true, force: true })
})

const speaker = { agent: 'reporter', instance: '0' }

/** Plan `clean` passes, `lossy` fails, `mute` is never judged, anything else is refused. */
function answer(event: BusEvent): void {
  if (event.type !== 'control' || event.message.kind !== 'run-requested') return
  const { plan, runId } = event.message
  const facts =
    plan === 'lossy'
      ? [...cleanFacts(), violation({ violation: 'lost', hop: 'topic:market.trades', stream: 1, ranges: [4, 4] })]
      : cleanFacts()
  const { judgement, evidence } = sourceOf(facts)
  const judged: ResultMessage = {
    kind: 'run-judged',
    runId: SAMPLE_RUN_ID,
    ...speaker,
    atMs: SAMPLE_START_MS + 9_000,
    ...judgement,
    revision: 0,
    factsHeard: evidence.heard,
    reports: [],
  }
  const refused: ResultMessage = {
    kind: 'request-refused',
    ...speaker,
    atMs: Date.now(),
    controlOffset: event.offset,
    problems: [`plan: no plan is named ${plan}`],
    excerpt: '',
  }
  const messages = plan === 'clean' || plan === 'lossy' ? [...facts, judged] : plan === 'mute' ? facts : [refused]
  const shiftMs = Date.now() - SAMPLE_START_MS
  for (const message of messages)
    agents?.publish('runId' in message ? { ...message, runId: String(runId), atMs: message.atMs + shiftMs } : message)
}

async function assay(...args: string[]) {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'main.ts'), ...args], {
    env: { ...process.env, ...stack?.env, PIPELINE_REGISTRY_URL: '' },
  })
  const out: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk))
  const note: Buffer[] = []
  child.stderr.on('data', (chunk: Buffer) => note.push(chunk))
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, out: Buffer.concat(out).toString(), note: Buffer.concat(note).toString() }
}

describe('assay on a real broker', () => {
  it('finds its topics as they should be once they are created', async () => {
    const { code, out } = await assay('topics')
    expect(out).toContain('assay.results')
    expect(code).toBe(0)
  })

  it.each([
    { plan: 'clean', verdict: 'pass', code: 0 },
    { plan: 'lossy', verdict: 'fail', code: 1 },
  ])('runs $plan to its verdict, computes it again from the topics alone, and finds both equal', async ({ plan, verdict, code }) => {
    const run = await assay('run', plan, '--wait', '--json')
    const told = JSON.parse(run.out) as { runId: string; verdict: string; hops: unknown[] }
    expect(run.code).toBe(code)
    expect(told.verdict).toBe(verdict)
    const again = await assay('verdict', told.runId, '--json')
    expect(again.code).toBe(code)
    expect(JSON.parse(again.out)).toMatchObject({ verdict, equal: true, hops: told.hops })
    const watched = await assay('watch', told.runId)
    expect(watched.code).toBe(code)
    expect(watched.out).toContain(`${verdict.toUpperCase()}  smoke  ${told.runId}`)
  })

  it('returns once the run is accepted when it was not told to wait', async () => {
    const { code, out } = await assay('run', 'clean')
    expect(code).toBe(0)
    expect(out).toMatch(/accepted: assay watch |PASS/)
  })

  it('ends with 64 and the reasons when the request is refused', async () => {
    const { code, out } = await assay('run', 'nosuch', '--wait')
    expect(code).toBe(64)
    expect(out).toContain('plan: no plan is named nosuch')
  })

  it('judges by itself, and says so, when the reporter is silent', async () => {
    const { code, out } = await assay('run', 'mute', '--wait')
    expect(code).toBe(2)
    expect(out).toContain('nothing was heard from reporter; computed here from the two topics')
  })

  it('ends with 64 for a run nobody knows', async () => {
    const { code, note } = await assay('verdict', '01932b3c-0000-7abc-8000-999999999999')
    expect(code).toBe(64)
    expect(note).toContain('nothing of it is on the results topic')
  })
})

it('ends with 69 when Kafka cannot be reached', async () => {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'main.ts'), 'run', 'clean'], {
    env: { ...process.env, ASSAY_KAFKA_BOOTSTRAP: '127.0.0.1:1' },
  })
  expect(await once(child, 'close')).toEqual([69, null])
})

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { AGENT_NAMES } from '../../compose/local/agents.ts'
import { cacheFolder } from '../../compose/local/cache.ts'
import { listenFor, startLiveStack, type LiveStack } from './live-stack.ts'

/** Requests as people make them: lines typed into Kafka's own console producer. */
let live: LiveStack

beforeAll(async () => {
  live = await startLiveStack()
})

afterAll(() => live.stop())

async function produceLines(lines: readonly string[]): Promise<void> {
  const cache = cacheFolder(process.env)
  const kafka = readdirSync(cache).find((name) => /^kafka-\d/.test(name))
  if (kafka === undefined) throw new Error(`no Kafka in ${cache}`)
  const producer = spawn(
    'java',
    [
      '-cp',
      join(cache, kafka, '*'),
      'org.apache.kafka.tools.ConsoleProducer',
      '--bootstrap-server',
      live.stack.env['ASSAY_KAFKA_BOOTSTRAP'] ?? '',
      '--topic',
      'assay.control',
    ],
    {
      stdio: ['pipe', 'ignore', 'inherit'],
    },
  )
  producer.stdin.end(`${lines.join('\n')}\n`)
  const [code] = (await once(producer, 'close')) as [number]
  expect(code).toBe(0)
}

const malformed = [
  'smoke',
  '{',
  '[]',
  '42',
  'null',
  '"smoke"',
  '{}',
  '{"kind":"run"}',
  '{"kind":"run-requestd","plan":"smoke"}',
  '{"kind":"run-requested"}',
  '{"kind":"run-requested","plan":""}',
  '{"kind":"run-requested","plan":7}',
  '{"kind":"run-requested","plan":"smok"}',
  '{"kind":"run-requested","plan":"smoke","runId":"one"}',
  '{"kind":"run-requested","plan":"smoke","parameter":{}}',
  '{"kind":"run-requested","plan":"smoke","parameters":{"canarys":"10"}}',
  '{"kind":"run-requested","plan":"smoke","parameters":{"canaries":"-5"}}',
  '{"kind":"run-requested","plan":{"version":1}}',
  '{"kind":"run-requested","plan":{"version":1,"name":"x","load":{"canaries":1,"ratePerSecond":1},"stages":[{"stage":"a","task":"produce","needs":["b"]}]}}',
  '{"kind":"run-cancelled","runId":"?"}',
]

test('twenty malformed requests are refused, each with its reasons, and nothing dies; a line that is right makes a run', async () => {
  expect(malformed).toHaveLength(20)
  const pids = AGENT_NAMES.map((name) => live.stack.pidOf(name))
  const refused = await listenFor(live, 'request-refused', {
    count: malformed.length,
    withinMs: 30_000,
    act: () => produceLines(malformed),
  })
  const byOffset = new Map(refused.map((one) => [one.controlOffset, one.problems]))
  expect([...byOffset.keys()].sort((a, b) => a - b)).toEqual(malformed.map((_, offset) => offset))
  for (const problems of byOffset.values()) expect(problems.join('\n')).toMatch(/\w+.*\w+/)
  expect(byOffset.get(8)?.join()).toContain('run-requested')
  expect(byOffset.get(12)?.join()).toContain('smoke')
  expect(byOffset.get(15)?.join()).toContain('canaries')

  const judged = await listenFor(live, 'run-judged', {
    count: 1,
    withinMs: 120_000,
    act: () => produceLines(['{"kind":"run-requested","plan":"smoke","parameters":{"canaries":"2000"}}']),
  })
  expect(judged.map(({ verdict, reasons }) => ({ verdict, reasons }))).toEqual([{ verdict: 'pass', reasons: [] }])
  expect(AGENT_NAMES.map((name) => live.stack.pidOf(name))).toEqual(pids)
})

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { globSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { SchemaRegistry } from '@kafkajs/confluent-schema-registry'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { AGENT_NAMES } from '../../compose/local/agents.ts'
import { cacheFolder } from '../../compose/local/cache.ts'
import { connectKafka } from '../../shared/runtime/kafka.ts'
import { createWriter } from '../../shared/runtime/kafka-writer.ts'
import { listenFor, startLiveStack, type LiveStack } from './live-stack.ts'
import { programs } from './programs.ts'

/** Requests as people make them: lines typed into Kafka's own console producer or kcat, Avro from a client of the registry. */
let live: LiveStack

let kcatFolder: string

beforeAll(async () => {
  kcatFolder = await programs.kcat((line) => void process.stderr.write(`${line}\n`))
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

/** As the README says it: `echo '{…}' | kcat -P -t assay.control`. */
async function pipeToKcat(line: string): Promise<void> {
  const kcat = spawn(join(kcatFolder, 'usr/bin/kcat'), ['-P', '-b', live.stack.env['ASSAY_KAFKA_BOOTSTRAP'] ?? '', '-t', 'assay.control'], {
    stdio: ['pipe', 'ignore', 'inherit'],
    env: { ...process.env, LD_LIBRARY_PATH: globSync(join(kcatFolder, 'usr/lib/*-linux-gnu')).join(':') },
  })
  kcat.stdin.end(`${line}\n`)
  const [code] = (await once(kcat, 'close')) as [number]
  expect(code).toBe(0)
}

const oneSchema = z.array(
  z.looseObject({ name: z.string(), namespace: z.string(), type: z.literal('record'), fields: z.array(z.unknown()) }),
)

/** As a client does that knows nothing of Assay but the published schema of the one message it sends. */
async function produceAvro(request: object): Promise<void> {
  const published: unknown = JSON.parse(readFileSync(join(import.meta.dirname, '../../schemas/avro/control.avsc'), 'utf8'))
  const schema = oneSchema.parse(published).find(({ name }) => name === 'RunRequested')
  if (schema === undefined) throw new Error('control.avsc has no RunRequested')
  const client = new SchemaRegistry({ host: live.stack.env['PIPELINE_REGISTRY_URL'] ?? '' })
  const { id } = await client.register(schema, { subject: 'assay.control-by-test' })
  const value = await client.encode(id, request)
  expect(value[0]).toBe(0)
  const writer = createWriter(connectKafka({ brokers: [live.stack.env['ASSAY_KAFKA_BOOTSTRAP'] ?? ''], clientId: 'assay.test' }))
  const outcomes = await writer.write('assay.control', [{ key: null, value }])
  await writer.close()
  expect(outcomes).toMatchObject([{ outcome: 'acknowledged' }])
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

test('twenty malformed requests are refused, each with its reasons, and nothing dies', async () => {
  expect(malformed).toHaveLength(20)
  const pids = AGENT_NAMES.map((name) => live.stack.pidOf(name))
  // An agent bounds its heap by itself, whoever starts it.
  for (const pid of pids) expect(readFileSync(`/proc/${pid}/cmdline`, 'utf8')).toContain('--max-old-space-size')
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
  expect(AGENT_NAMES.map((name) => live.stack.pidOf(name))).toEqual(pids)
})

test('a request makes a run through the console producer, through kcat, and as Avro in Confluent framing', async () => {
  const line = (canaries: number) => JSON.stringify({ kind: 'run-requested', plan: 'smoke', parameters: { canaries: String(canaries) } })
  const judged = await listenFor(live, 'run-judged', {
    count: 3,
    withinMs: 120_000,
    act: async () => {
      await produceLines([line(2_001)])
      await pipeToKcat(line(2_002))
      await produceAvro({ runId: null, plan: 'smoke', parameters: { canaries: '2003' }, window: null, requestedBy: 'an Avro client' })
    },
  })
  const told = judged.map(({ verdict, reasons, acknowledged }) => ({ verdict, reasons, acknowledged }))
  expect(told.sort((a, b) => a.acknowledged - b.acknowledged)).toEqual(
    [2_001, 2_002, 2_003].map((acknowledged) => ({ verdict: 'pass', reasons: [], acknowledged })),
  )
})

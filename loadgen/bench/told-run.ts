import { setTimeout as sleep } from 'node:timers/promises'
import type { RunFact } from '../../schemas/results.ts'
import { deterministicRunId } from '../../shared/core/identity.ts'
import { sizeOf } from '../../shared/core/range-set.ts'
import { isRunFact } from '../../shared/core/run-book.ts'
import { createReader } from '../../shared/runtime/kafka-reader.ts'
import { createWriter } from '../../shared/runtime/kafka-writer.ts'
import type { KafkaLink } from '../../shared/runtime/kafka.ts'
import { createRegistry } from '../../shared/runtime/registry.ts'
import { createResultsDecoder } from '../../shared/runtime/results-codec.ts'
import { topicNames } from '../../topology/topics.ts'

/** What the agents told of one run, and what it took on the results topic. */
export interface ToldRun {
  readonly facts: readonly RunFact[]
  /** Bytes of the facts' values, by kind. */
  readonly bytesByKind: ReadonlyMap<string, number>
}

export interface BenchPlan {
  readonly name: string
  readonly timeoutMs: number
  readonly load: { readonly canaries: number; readonly ratePerSecond: number; readonly streams: number; readonly edgeValuesEvery: number }
  readonly stages: readonly Readonly<Record<string, unknown>>[]
}

export interface ResultsTopic {
  readonly link: KafkaLink
  readonly registryUrl: string
  readonly note: (line: string) => void
}

const VERDICT_WAIT_MS = 60_000
const LOOK_EVERY_MS = 200

/** Requests the run on the control topic, and listens until the reporter has judged it. Throws unless it passed. */
export async function runPlan({ link, registryUrl, note }: ResultsTopic, plan: BenchPlan): Promise<ToldRun> {
  const runId = deterministicRunId(Date.now(), plan.name)
  const decoder = createResultsDecoder(createRegistry(registryUrl))
  const facts: RunFact[] = []
  const bytesByKind = new Map<string, number>()
  const reader = createReader(link, {
    topics: [{ topic: topicNames.results, positions: new Map() }],
    async onBatch({ records }) {
      for (const { value } of records) {
        if (value === null) continue
        const decoded = await decoder.decode(value)
        if (!decoded.ok || !isRunFact(decoded.fact) || decoded.fact.runId !== runId) continue
        const { kind } = decoded.fact
        bytesByKind.set(kind, (bytesByKind.get(kind) ?? 0) + value.length)
        facts.push(decoded.fact)
      }
    },
    onTrouble: ({ message }) => {
      note(message)
    },
  })
  try {
    await reader.ready
    note(`${plan.name}: ${count(plan.load.canaries)} canaries at ${count(plan.load.ratePerSecond)} a second`)
    await request(link, { kind: 'run-requested', runId, plan: { version: 1, ...plan }, requestedBy: 'bench' })
    const deadlineMs = performance.now() + plan.timeoutMs + VERDICT_WAIT_MS
    while (!facts.some(({ kind }) => kind === 'run-judged') && performance.now() < deadlineMs) await sleep(LOOK_EVERY_MS)
  } finally {
    await reader.close()
  }
  const judged = facts.find((fact) => fact.kind === 'run-judged')
  if (judged?.verdict !== 'pass') throw new Error(`run ${plan.name}: expected a pass, got ${JSON.stringify(judged ?? 'no verdict')}`)
  return { facts, bytesByKind }
}

async function request(link: KafkaLink, command: { readonly runId: string } & Readonly<Record<string, unknown>>): Promise<void> {
  const writer = createWriter(link)
  const outcomes = await writer.write(topicNames.control, [{ key: command.runId, value: Buffer.from(JSON.stringify(command)) }])
  await writer.close()
  if (outcomes[0]?.outcome !== 'acknowledged') throw new Error(`the run could not be requested: ${JSON.stringify(outcomes)}`)
}

const count = (value: number) => value.toLocaleString('en-US')

export interface Pace {
  readonly acknowledgedPerSecond: number
  readonly sightedPerSecond: number
  /** The longest from telling that canaries are acknowledged to telling that as many were sighted. */
  readonly behindMsMost: number
  /** From the last acknowledgement told to the last sighting told. */
  readonly caughtUpMs: number
}

/** Rates count from the stage's time zero, when the first canary is due, to the last that was told. */
export function paceOf(facts: readonly RunFact[], topicHop: string): Pace {
  const started = facts.find((fact) => fact.kind === 'stage-started' && fact.agent === 'generator')
  if (started?.kind !== 'stage-started') throw new Error('the generator told of no stage it started')
  const acknowledged: Told[] = []
  const sighted: Told[] = []
  for (const fact of facts) {
    if (fact.kind === 'canaries-produced') acknowledged.push({ atMs: fact.atMs, canaries: sizeOfAll(fact.acknowledged) })
    if (fact.kind === 'hop-sighted' && fact.hop === topicHop) sighted.push({ atMs: fact.atMs, canaries: sizeOfAll(fact.canaries) })
  }
  const lastOf = (told: readonly Told[]) => Math.max(...told.map(({ atMs }) => atMs))
  const rateOf = (told: readonly Told[]) =>
    (told.reduce((sum, { canaries }) => sum + canaries, 0) * 1000) / (lastOf(told) - started.epochMs)
  return {
    acknowledgedPerSecond: rateOf(acknowledged),
    sightedPerSecond: rateOf(sighted),
    behindMsMost: behindMsMost(acknowledged, sighted),
    caughtUpMs: Math.max(0, lastOf(sighted) - lastOf(acknowledged)),
  }
}

interface Told {
  readonly atMs: number
  readonly canaries: number
}

function behindMsMost(acknowledged: readonly Told[], sighted: readonly Told[]): number {
  const byTime = (a: Told, b: Told) => a.atMs - b.atMs
  const sightings = [...sighted].sort(byTime)
  let next = 0
  let seen = 0
  let due = 0
  let mostMs = 0
  for (const { atMs, canaries } of [...acknowledged].sort(byTime)) {
    due += canaries
    for (; seen < due && next < sightings.length; next++) seen += sightings[next]?.canaries ?? 0
    if (seen < due) return Infinity
    mostMs = Math.max(mostMs, (sightings[next - 1]?.atMs ?? atMs) - atMs)
  }
  return mostMs
}

const sizeOfAll = (canaries: readonly { readonly ranges: readonly number[] }[]) =>
  canaries.reduce((sum, { ranges }) => sum + sizeOf(ranges), 0)

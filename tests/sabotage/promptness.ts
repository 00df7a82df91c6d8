import { setTimeout as sleep } from 'node:timers/promises'
import { openTwoTopics } from '../../agents/cli/two-topics.ts'
import { members } from '../../shared/core/range-set.ts'
import type { SabotageCase } from './case.ts'
import type { Flow, Outgoing, Placed } from './flow.ts'
import type { Pipeline } from './pipeline.ts'
import { runCase } from './run-case.ts'
import { clock } from './wait.ts'

const STEPS = 20
const LOST_A_STEP = 10
const CANARIES = 4_000
const TIMEOUT_MS = 200_000
/** As the bundled sink is set. */
const COMMIT_EVERY_MS = 1_000

type Where = 'topic' | 'table'
const keyOf = ({ stream, seq }: Pick<Outgoing, 'stream' | 'seq'>) => `${stream}/${seq}`

export interface Promptness {
  readonly where: Where
  /** From when the evidence of a loss was there to when its finding was heard, ms, each of them, the least first. */
  readonly tookMs: readonly number[]
  /** What was planted and never told, and whatever else a case that goes wrong says. */
  readonly missed: readonly string[]
}

/**
 * 200 losses, ten at a time. The evidence of a loss is there when the group of the normaliser has committed beyond it, or when a
 * snapshot with rows from behind it is committed.
 */
export async function howPrompt(pipeline: Pipeline, where: Where): Promise<Promptness> {
  const heardMs = new Map<string, number>()
  const evidentMs = new Map<string, number>()
  const hop = pipeline.hops[where]
  const topics = await openTwoTopics(
    (event) => {
      if (event.type !== 'fact' || event.fact.kind !== 'violation-found') return
      const { fact } = event
      if (fact.violation !== 'lost' || fact.hop !== hop) return
      for (const seq of members(fact.ranges)) {
        const key = keyOf({ stream: fact.stream, seq })
        heardMs.set(key, heardMs.get(key) ?? clock.nowMs())
      }
    },
    { environment: pipeline.environment },
  )
  try {
    await topics.caughtUp
    const { missed } = await runCase(pipeline, where === 'topic' ? lostInTopic(evidentMs) : lostInTable(evidentMs))
    const tookMs = [...evidentMs].flatMap(([key, atMs]) => (heardMs.has(key) ? [(heardMs.get(key) ?? 0) - atMs] : []))
    return { where, tookMs: tookMs.sort((a, b) => a - b), missed }
  } finally {
    await topics.close()
  }
}

/** One of so many parts of each partition, in its order. */
function parts<One extends Outgoing>(records: readonly One[], placeOf: (record: One) => { partition: number; offset: number }): One[][] {
  const steps = Array.from({ length: STEPS }, (): One[] => [])
  const partitions = Map.groupBy(records, (record) => placeOf(record).partition)
  for (const of of partitions.values()) {
    const inOrder = of.toSorted((a, b) => placeOf(a).offset - placeOf(b).offset)
    for (const [at, record] of inOrder.entries()) steps[Math.floor((at * STEPS) / inOrder.length)]?.push(record)
  }
  return steps
}

/** In the middle of a part, where others of each partition are before and behind. */
function lostOf<One extends Outgoing>(part: readonly One[], placeOf: (record: One) => { partition: number; offset: number }): One[] {
  const ofPartition = [...Map.groupBy(part, (record) => placeOf(record).partition).values()]
  const middles = ofPartition.flatMap((of) => of.slice(Math.floor(of.length / 4), Math.floor((of.length * 3) / 4)))
  const step = Math.floor(middles.length / LOST_A_STEP)
  return Array.from({ length: LOST_A_STEP }, (_, at) => middles[at * step] as One)
}

const losing = (where: Where, act: (flow: Flow) => Promise<Outgoing[]>): SabotageCase => ({
  name: `200 losses at the ${where}`,
  kind: 'defect',
  of: where,
  canaries: CANARIES,
  timeoutMs: TIMEOUT_MS,
  act: async (flow) => ({ expected: [{ violation: 'lost', at: where, canaries: await act(flow) }] }),
})

const lostInTopic = (evidentMs: Map<string, number>) =>
  losing('topic', async (flow) => {
    const lost: Outgoing[] = []
    const placed: Placed[] = []
    for (const part of parts(flow.records, ({ raw }) => raw)) {
      const here = lostOf(part, ({ raw }) => raw)
      placed.push(...(await flow.produce(part.filter((record) => !here.includes(record)))))
      const next = new Map<number, number>()
      for (const { raw } of part) next.set(raw.partition, Math.max(next.get(raw.partition) ?? 0, raw.offset + 1))
      const atMs = clock.nowMs()
      await flow.normaliserAt(next)
      for (const record of here) evidentMs.set(keyOf(record), atMs)
      lost.push(...here)
    }
    await flow.normaliserDone()
    await flow.sinkFaithfully(placed)
    return lost
  })

const lostInTable = (evidentMs: Map<string, number>) =>
  losing('table', async (flow) => {
    const lost: Outgoing[] = []
    const placed = await flow.produce(flow.records)
    await flow.normaliserDone()
    for (const part of parts(placed, (record) => record)) {
      await sleep(COMMIT_EVERY_MS)
      const here = lostOf(part, (record) => record)
      await flow.append(part.filter((record) => !here.includes(record)))
      const atMs = clock.nowMs()
      for (const record of here) evidentMs.set(keyOf(record), atMs)
      lost.push(...here)
    }
    await flow.sinkDone()
    return lost
  })

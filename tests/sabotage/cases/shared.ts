import type { RunFact } from '../../../schemas/results.ts'
import type { Afterwards, SabotageCase } from '../case.ts'
import { joinedBySeconds } from '../crew.ts'
import type { Flow, Outgoing, Placed } from '../flow.ts'
import { FIRST, SECOND, within, type Pipeline } from '../pipeline.ts'
import { contradictionsIn, factsOf, saidAgain, speakersOf } from '../told.ts'

const EVERYBODY = ['generator', 'ingestion-checker', 'storage-reconciler', 'reporter'] as const
const WATCHERS = ['ingestion-checker', 'storage-reconciler'] as const

const TIMEOUT_MS = 180_000
/** Beyond the ten seconds after which Kafka gives the work to another. */
const FROZEN_MS = 14_000
/** A second reporter that judges as well has said so by then. */
const ALSO_JUDGED_MS = 2_000

/** Instances that start and find each other take their time. */
const ofTwo = { spoils: true, deliverWithinMs: within(10), timeoutMs: TIMEOUT_MS } as const

/** Two of each agent from before the run, who share its work. */
const shared = (name: string, of: 'topic' | 'table', act: SabotageCase['act']): SabotageCase => ({
  name: `${name}, with two of each agent`,
  kind: 'defect',
  of,
  ...ofTwo,
  before: (pipeline) => joinedBySeconds(pipeline, EVERYBODY),
  act,
  async after(flow) {
    await flow.pause(ALSO_JUDGED_MS)
    const facts = await factsOf(flow.pipeline, flow.runId)
    return saidWell([...contradictionsIn(facts), ...saidAgain(facts), ...speakers(facts, ['hop-sighted'])])
  },
})

const saidWell = (missed: readonly string[]): Afterwards => ({ found: 0, missed })

/** Kinds of which both instances must have said something: that work was shared, or taken over. */
function speakers(facts: readonly RunFact[], kinds: readonly RunFact['kind'][]): string[] {
  return kinds.flatMap((kind) => {
    const by = speakersOf(facts, kind)
    return by.includes(FIRST) && by.includes(SECOND) ? [] : [`${kind} by both instances, was by ${by.join(', ')} alone`]
  })
}

/** Every fourth of what is chosen, so that no two sets meet. */
const quarter = (chosen: readonly Outgoing[], which: number) => chosen.filter((_, at) => at % 4 === which)

const withOtherSide = (record: Outgoing): Outgoing => ({
  ...record,
  trade: { ...record.trade, side: record.trade.side === 'BUY' ? 'SELL' : 'BUY' },
})

interface Spoiled {
  readonly lost: readonly Outgoing[]
  readonly doubled: readonly Outgoing[]
  readonly moved: readonly Outgoing[]
  readonly changed: readonly Outgoing[]
}

/** What is moved comes behind the next of its stream. */
function spoil(records: readonly Outgoing[], { lost, doubled, moved, changed }: Spoiled): Outgoing[] {
  const held = new Map<number, Outgoing>()
  return records.flatMap((record) => {
    if (lost.includes(record)) return []
    if (moved.includes(record)) {
      held.set(record.stream, record)
      return []
    }
    const before = held.get(record.stream)
    held.delete(record.stream)
    const copies = doubled.includes(record) ? [record, record] : [changed.includes(record) ? withOtherSide(record) : record]
    return before === undefined ? copies : [...copies, before]
  })
}

/** In four, each with the next records of every partition of the raw topic. */
function parts(records: readonly Outgoing[]): Outgoing[][] {
  const steps: Outgoing[][] = [[], [], [], []]
  for (const of of Map.groupBy(records, ({ raw }) => raw.partition).values())
    for (const [at, record] of of.entries()) steps[Math.floor((at * steps.length) / of.length)]?.push(record)
  return steps
}

interface Losses {
  readonly topic: readonly Outgoing[]
  readonly table: readonly Outgoing[]
}

/** One part through the pipeline, which says that it has done with it. */
async function passOn(flow: Flow, part: readonly Outgoing[], { topic, table }: Losses): Promise<Placed[]> {
  const next = new Map<number, number>()
  for (const { raw } of part) next.set(raw.partition, Math.max(next.get(raw.partition) ?? 0, raw.offset + 1))
  const placed = await flow.produce(part.filter((record) => !topic.includes(record)))
  await flow.normaliserAt(next)
  const kept = placed.filter(({ id }) => !table.some((lost) => lost.id === id))
  await flow.append(kept)
  return kept
}

/** Until so many are told to be in the topic and in the table; gives the instance that read the table last. */
async function toldOf(flow: Flow, passed: { readonly topic: number; readonly table: number }): Promise<string> {
  const { hops } = flow.pipeline
  const by: { instance?: string } = {}
  await flow.heard(`${passed.topic} in the topic`, ({ evidence }) => (evidence.hops.get(hops.topic)?.sighted.size ?? 0) >= passed.topic)
  await flow.heard(`${passed.table} in the table`, ({ evidence }) => {
    by.instance = evidence.snapshots.at(-1)?.instance ?? ''
    return (evidence.hops.get(hops.table)?.sighted.size ?? 0) >= passed.table
  })
  return by.instance ?? ''
}

const goingBy = {
  SIGTERM: 'that come in mid-run, and those at work go',
  SIGKILL: 'that come in mid-run, and those at work are killed',
  SIGSTOP: 'that come in mid-run, and those at work freeze beyond their session and go on',
} as const

async function leave({ stack, processOf }: Pipeline, signal: keyof typeof goingBy, reconciler: string): Promise<string[]> {
  const processes = [processOf('ingestion-checker', FIRST), processOf('storage-reconciler', reconciler)]
  if (signal === 'SIGSTOP') for (const name of processes) stack.kill(name, signal)
  else await Promise.all(processes.map((name) => stack.stopProcess(name, signal)))
  return processes
}

/** A part while one watches, one while two share, one when those that were at work are gone, and one behind that. */
const inMidRun = (signal: keyof typeof goingBy, isLossy: boolean): SabotageCase => ({
  name: `a second checker and reconciler ${goingBy[signal]}${isLossy ? '; and records lost all the while' : ''}`,
  kind: isLossy ? 'defect' : 'innocent',
  of: 'table',
  ...ofTwo,
  async act(flow) {
    const [first, second, third, last] = parts(flow.records) as [Outgoing[], Outgoing[], Outgoing[], Outgoing[]]
    const lostOf = (share: number) =>
      isLossy ? [first, second, third].map((part) => part[Math.floor(part.length * share)] as Outgoing) : []
    const losses: Losses = { topic: lostOf(0.4), table: lostOf(0.6) }
    const passed = { topic: 0, table: 0 }
    const pass = async (part: readonly Outgoing[]) => {
      passed.table += (await passOn(flow, part, losses)).length
      passed.topic += part.filter((record) => !losses.topic.includes(record)).length
      return toldOf(flow, passed)
    }
    await pass(first)
    await joinedBySeconds(flow.pipeline, WATCHERS)
    const gone = await leave(flow.pipeline, signal, await pass(second))
    try {
      if (signal === 'SIGSTOP') await flow.pause(FROZEN_MS)
      await pass(third)
    } finally {
      if (signal === 'SIGSTOP') for (const name of gone) flow.pipeline.stack.kill(name, 'SIGCONT')
    }
    await passOn(flow, last, losses)
    await flow.normaliserDone()
    await flow.sinkDone()
    if (!isLossy) return { expected: [] }
    return {
      expected: [
        { violation: 'lost', at: 'topic', canaries: losses.topic },
        { violation: 'lost', at: 'table', canaries: losses.table },
      ],
    }
  },
  async after(flow) {
    const facts = await factsOf(flow.pipeline, flow.runId)
    const accused = isLossy ? [] : facts.filter(({ kind }) => kind === 'violation-found')
    return saidWell([
      ...contradictionsIn(facts),
      ...accused.map((fact) => `accused, if only for a while: ${JSON.stringify(fact).slice(0, 300)}`),
      ...speakers(facts, ['hop-sighted', 'snapshot-reconciled']),
    ])
  },
})

export const sharedCases: readonly SabotageCase[] = [
  shared('records lost, doubled, moved and changed before the topic', 'topic', async (flow) => {
    const chosen = flow.some(16)
    const [lost, doubled, moved, changed] = [0, 1, 2, 3].map((which) => quarter(chosen, which)) as [
      Outgoing[],
      Outgoing[],
      Outgoing[],
      Outgoing[],
    ]
    await flow.passFaithfully(spoil(flow.records, { lost, doubled, moved, changed }))
    return {
      expected: [
        { violation: 'lost', at: 'topic', canaries: lost },
        { violation: 'duplicated', at: 'topic', canaries: doubled },
        { violation: 'reordered', at: 'topic', canaries: moved },
        { violation: 'corrupted', at: 'topic', canaries: changed, field: 'side' },
      ],
    }
  }),
  shared('records lost and doubled on the way into the table', 'table', async (flow) => {
    const chosen = flow.some(10).map(({ id }) => id)
    const placed = await flow.produce(flow.records)
    await flow.normaliserDone()
    const isOneOf = (which: number) => (one: Placed) => chosen.indexOf(one.id) % 2 === which
    const [lost, doubled] = [placed.filter(isOneOf(0)), placed.filter(isOneOf(1))]
    await flow.sinkFaithfully([...placed.filter((one) => !lost.includes(one)), ...doubled])
    return {
      expected: [
        { violation: 'lost', at: 'table', canaries: lost },
        { violation: 'duplicated', at: 'table', canaries: doubled },
      ],
    }
  }),
  ...(['SIGTERM', 'SIGKILL', 'SIGSTOP'] as const).flatMap((signal) => [inMidRun(signal, false), inMidRun(signal, true)]),
]

import { runOf } from '../../../agents/cli/followed-run.ts'
import { spanIdOf, traceIdOf } from '../../../shared/core/identity.ts'
import { runCanaries } from '../../../shared/engines/expected-rows.ts'
import { traceparent } from '../../../shared/runtime/tracing.ts'
import { mirrorDefects, type MirrorDefect } from '../../../topology/plan.ts'
import type { ResolvedRun } from '../../../topology/resolved-run.ts'
import { SOURCE_HOP } from '../../../topology/topology.ts'
import type { Afterwards, Place, SabotageCase } from '../case.ts'
import type { Found } from '../compare.ts'
import type { Flow, Outgoing } from '../flow.ts'
import type { Pipeline } from '../pipeline.ts'
import { clock } from '../wait.ts'

const EACH = 2
/** Behind the eight of the canaries. */
const MIRROR = 8

const reportedAs = {
  skipped: 'lost',
  doubled: 'duplicated',
  changed: 'corrupted',
  delayed: 'late',
  swapped: 'reordered',
  headerless: 'header-lost',
} as const satisfies Record<MirrorDefect, string>

/** Tables keep neither order nor headers. */
const seenAt: Readonly<Record<Place, readonly MirrorDefect[]>> = {
  raw: mirrorDefects,
  topic: mirrorDefects,
  table: ['skipped', 'doubled', 'changed', 'delayed'],
}
const places = ['raw', 'topic', 'table'] as const

/** In turn, each the first of a pair. */
const seqsOf = (defect: MirrorDefect) =>
  Array.from({ length: EACH }, (_, turn) => 2 * (turn * mirrorDefects.length + mirrorDefects.indexOf(defect)))

const isOfMirror = ({ stream }: Pick<Outgoing, 'stream'>) => stream === MIRROR

/** What the run plants is reported where it shows, `but` for what the pipeline has made good; and nothing else is said of it. */
function seen({ pipeline: { hops } }: Flow, { evidence }: Found, but: readonly MirrorDefect[] = []): Afterwards {
  const wanted = places.flatMap((place) =>
    seenAt[place]
      .filter((defect) => place === 'raw' || !but.includes(defect))
      .flatMap((defect) => seqsOf(defect).map((seq) => `${reportedAs[defect]} ${hops[place]} ${MIRROR}/${seq}`)),
  )
  const told = [...evidence.mirror.values()].map(({ violation, hop, stream, seq }) => `${violation} ${hop} ${stream}/${seq}`)
  return {
    found: wanted.filter((one) => told.includes(one)).length,
    missed: [
      ...wanted.filter((one) => !told.includes(one)).map((one) => `planted, and not reported: ${one}`),
      ...told.filter((one) => !wanted.includes(one)).map((one) => `reported of what is planted, and not so: ${one}`),
    ],
  }
}

async function resolvedOf(flow: Flow): Promise<ResolvedRun> {
  const known: { resolved?: ResolvedRun } = {}
  await flow.heard('the run as it was resolved', (followed) => {
    const run = runOf(followed)
    if (run !== null) known.resolved = run.resolved
    return run !== null
  })
  return known.resolved as ResolvedRun
}

const madeGood = ['doubled', 'changed', 'swapped', 'headerless'] as const satisfies readonly MirrorDefect[]

/** As a normaliser would pass them on that drops repeats, sorts, and fills in what it thinks must be there. */
async function repaired(flow: Flow): Promise<Outgoing[]> {
  const { at } = runCanaries(flow.runId, await resolvedOf(flow))
  const mirror = flow.records.filter(isOfMirror)
  const once = mirror.filter(({ id }, index) => mirror.findIndex((one) => one.id === id) === index)
  const sorted = once.toSorted((a, b) => a.seq - b.seq)
  const right = sorted.map((record): Outgoing => {
    const { stream, seq, trade } = record
    const traceId = traceIdOf({ runId: flow.runId, stream, seq })
    // The field that the generator changes: the first that every hop must keep as it is.
    const { note } = at(stream, seq)
    return {
      ...record,
      trade: { ...trade, note: typeof note === 'string' ? note : null },
      headers: { traceparent: traceparent(traceId, spanIdOf(traceId, SOURCE_HOP)) },
    }
  })
  const made: Record<(typeof madeGood)[number], number> = {
    doubled: mirror.length - once.length,
    changed: right.filter(({ trade }, index) => trade.note !== sorted[index]?.trade.note).length,
    swapped: sorted.filter(({ seq }, index) => seq < (once[index]?.seq ?? 0)).length,
    headerless: sorted.filter(({ headers }) => headers['traceparent'] === undefined).length,
  }
  for (const [defect, count] of Object.entries(made))
    if (count !== EACH) throw new Error(`${defect}: expected ${EACH} to make good in ${flow.pipeline.names.raw}, found ${count}`)
  return [...flow.records.filter((record) => !isOfMirror(record)), ...right]
}

/** In the words of the verdict. */
const blindReasons = ({ hops }: Pipeline) =>
  (['topic', 'table'] as const).flatMap((place) =>
    madeGood
      .filter((defect) => seenAt[place].includes(defect))
      .map((defect) => {
        const where = seqsOf(defect).map((seq) => `stream ${MIRROR} seq ${seq}`)
        return `the watcher of ${hops[place]} is blind: ${EACH} of ${EACH} ${defect} canaries were not reported as ${reportedAs[defect]} (${where.join('; ')})`
      }),
  )

/** By hop and defect, as the reporter exposes it; those at 0 left out. */
async function blindCounts({ agents, names }: Pipeline): Promise<string[]> {
  const answer = await fetch(`http://127.0.0.1:${agents.ports[`reporter.${names.topic}`] ?? 0}/metrics`)
  const series = [...(await answer.text()).matchAll(/^assay_watcher_blind_total\{([^}]*)\} (\S+)$/gm)]
  if (series.length === 0) throw new Error('the reporter exposes no assay_watcher_blind_total')
  return series
    .filter(([, , value]) => Number(value) !== 0)
    .map(
      ([, labels = '', value]) => `${/hop="([^"]*)"/.exec(labels)?.[1] ?? ''} ${/defect="([^"]*)"/.exec(labels)?.[1] ?? ''} ${value ?? ''}`,
    )
    .sort()
}

const COUNTED_WITHIN_MS = 10_000

async function counted(flow: Flow): Promise<string[]> {
  const { hops } = flow.pipeline
  const wanted = (['topic', 'table'] as const)
    .flatMap((place) => madeGood.filter((defect) => seenAt[place].includes(defect)).map((defect) => `${hops[place]} ${defect} ${EACH}`))
    .sort()
  const endMs = clock.nowMs() + COUNTED_WITHIN_MS
  for (;;) {
    const counts = await blindCounts(flow.pipeline)
    if (counts.join() === wanted.join()) return []
    if (clock.nowMs() > endMs) return [`assay_watcher_blind_total: expected ${wanted.join(', ')}, was ${counts.join(', ')}`]
    await flow.pause(200)
  }
}

export const watchedCases: readonly SabotageCase[] = [
  {
    name: 'a faithful pipeline, and defects that the run itself plants',
    kind: 'innocent',
    of: 'topic',
    mirror: { each: EACH },
    async act(flow) {
      await flow.passFaithfully()
      return { expected: [] }
    },
    after: (flow, found) => Promise.resolve(seen(flow, found)),
  },
  {
    name: 'records lost and doubled beside defects that the run itself plants',
    kind: 'defect',
    of: 'topic',
    mirror: { each: EACH },
    async act(flow) {
      const canaries = flow.records.filter((record) => !isOfMirror(record) && record.seq === 14)
      const [lost, doubled] = [canaries.slice(0, 4), canaries.slice(4)]
      await flow.passFaithfully(
        flow.records.flatMap((record) => (lost.includes(record) ? [] : doubled.includes(record) ? [record, record] : [record])),
      )
      return {
        expected: [
          { violation: 'lost', at: 'topic', canaries: lost },
          { violation: 'duplicated', at: 'topic', canaries: doubled },
        ],
      }
    },
    after: (flow, found) => Promise.resolve(seen(flow, found)),
  },
  {
    name: 'a pipeline that makes good what the run plants, so that its watchers are blind to it',
    kind: 'defect',
    of: 'topic',
    spoils: true,
    mirror: { each: EACH },
    async act(flow) {
      const before = await blindCounts(flow.pipeline)
      if (before.length > 0) throw new Error(`assay_watcher_blind_total is not at 0 before the run: ${before.join(', ')}`)
      await flow.passFaithfully(await repaired(flow))
      return { expected: [], verdict: 'inconclusive', reason: /^the watcher of topic:\S+ is blind: 2 of 2 doubled canaries/ }
    },
    async after(flow, found) {
      const { found: reported, missed } = seen(flow, found, madeGood)
      const wanted = blindReasons(flow.pipeline)
      return {
        found: reported + wanted.filter((reason) => found.reasons.includes(reason)).length,
        missed: [
          ...missed,
          ...wanted.filter((reason) => !found.reasons.includes(reason)).map((reason) => `reason: ${reason}`),
          ...found.reasons.filter((reason) => !wanted.includes(reason)).map((reason) => `reason beyond what was done: ${reason}`),
          ...(await counted(flow)),
        ],
      }
    },
  },
]

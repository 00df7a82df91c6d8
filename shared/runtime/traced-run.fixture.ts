import type { AgentName } from '../core/agent.ts'
import { judge } from '../core/judge.ts'
import { traceIdOf } from '../core/identity.ts'
import { CLEAN, RAW, RUN, TABLE, cleanFacts, foldAll, resolvedOf, told, topology } from '../core/told-run.fixture.ts'
import { SOURCE_HOP, apiHop } from '../../topology/topology.ts'
import { createCanarySpans, type CanarySpans } from './canary-spans.ts'
import { answerDetail, outcomeDetail } from './hop-spans.ts'
import { writeRunSpans, writeSnapshotSpan } from './run-spans.ts'
import type { Tracing } from './tracing.ts'

/** The agents of a run, as they trace it: good canaries, one that was lost in the cleaner, one that it changed. */
export const API = 'api:trade'
export const hops = [
  ...topology.hops.slice(0, 3),
  apiHop.parse({ kind: 'api', name: 'trade', per: 'canary', url: 'http://api.told:8080/trades/{trade_id}', answers: [] }),
]
export const TRACE_EVERY = 20
export const resolved = { ...resolvedOf(), hops, plan: { ...resolvedOf().plan, traceEvery: TRACE_EVERY } }
export const at = { runId: RUN, resolved }

export const GOOD = { runId: RUN, stream: 0, seq: 0 }
export const LOST = { runId: RUN, stream: 0, seq: 5 }
export const CHANGED = { runId: RUN, stream: 1, seq: 3 }
export const UNSAMPLED = { runId: RUN, stream: 1, seq: 4 }
export const canaries = [GOOD, LOST, CHANGED, UNSAMPLED]

export const lostFact = told('violation-found', {
  agent: 'ingestion-checker',
  violation: 'lost',
  hop: CLEAN,
  stream: LOST.stream,
  ranges: [LOST.seq, LOST.seq],
  expected: 'in the topic',
  actual: 'in no record up to offset 39',
  partition: 0,
  offset: 5,
  traceId: traceIdOf(LOST),
})
export const changedFact = told('violation-found', {
  agent: 'ingestion-checker',
  violation: 'corrupted',
  hop: CLEAN,
  stream: CHANGED.stream,
  ranges: [CHANGED.seq, CHANGED.seq],
  field: 'price',
  expected: '1.50',
  actual: '1.51',
  partition: 0,
  offset: 3,
  traceId: traceIdOf(CHANGED),
})

export const spansOf = (agent: AgentName, tracing: Tracing): CanarySpans => createCanarySpans({ tracing, agent, hops })

export const tick = (atMs: number) => ({ type: 'tick', atMs })
export const says = (fact: object) => ({ type: 'publish', fact })
export const hears = (fact: object) => ({ type: 'fact', fact })

/** Times count from `fromMs`. Every agent writes what it knows and closes its spans; nothing is flushed. */
export function traceRun(fromMs: number, tracingOf: (agent: AgentName) => Tracing): void {
  const agents = ['generator', 'ingestion-checker', 'storage-reconciler', 'query-prober'] as const
  const spans = new Map(agents.map((agent) => [agent, spansOf(agent, tracingOf(agent))]))
  const seen = (agent: (typeof agents)[number], hop: string, sightings: readonly Parameters<CanarySpans['sighted']>[1][]) => {
    for (const sighting of sightings) spans.get(agent)?.sighted((spans.get(agent) as CanarySpans).at(at, hop), sighting)
  }
  const placed = ({ stream, seq }: typeof GOOD, startMs: number) => ({
    ...{ stream, seq, partition: stream, offset: seq },
    startMs: fromMs + startMs,
    endMs: fromMs + startMs + 3,
  })
  const past = canaries.filter((canary) => canary !== LOST)
  seen(
    'generator',
    SOURCE_HOP,
    canaries.map((canary) => ({ ...placed(canary, 0), detail: outcomeDetail.acknowledged })),
  )
  seen(
    'ingestion-checker',
    RAW,
    canaries.map((canary) => placed(canary, 5)),
  )
  seen(
    'ingestion-checker',
    CLEAN,
    past.map((canary) => placed(canary, 10)),
  )
  for (const fact of [lostFact, changedFact]) {
    const known = { ...fact, atMs: fromMs + 50 }
    for (const [agent, one] of spans)
      if (agent === fact.agent) one.onStep(tick(fromMs), [says(known)])
      else one.onStep(hears(known), [])
  }
  const table = resolved.hops.find((hop) => hop.kind === 'table')
  if (table === undefined) throw new Error('the run has no table')
  const committed = { snapshotId: '77', parentId: '76', committedAtMs: fromMs + 100, operation: 'append' }
  const detail = writeSnapshotSpan(
    tracingOf('storage-reconciler'),
    { ...at, table, readAtMs: fromMs + 120 },
    {
      ...committed,
      filesAdded: 1,
      rowsAdded: 3,
      bytesAdded: 300,
      canaries: past.map(({ stream, seq }) => ({ stream, ranges: [seq, seq] })),
    },
  )
  seen(
    'storage-reconciler',
    TABLE,
    past.map(({ stream, seq }) => ({ stream, seq, startMs: fromMs + 100, endMs: fromMs + 120, detail })),
  )
  const answer = answerDetail({ status: 200, snapshotId: '77', error: null }, 'right')
  seen(
    'query-prober',
    API,
    past.map(({ stream, seq }) => ({ stream, seq, startMs: fromMs + 200, endMs: fromMs + 204, detail: answer })),
  )
  for (const one of spans.values()) one.close()
  const facts = [...cleanFacts(resolved.plan), lostFact, changedFact].map((fact) => ({ ...fact, atMs: fromMs + 10 }))
  const { book, run, evidence } = foldAll(facts)
  const accepted = { ...run.accepted, requestedAtMs: fromMs, requestedBy: 'ann' }
  const judgement = judge(book, run, evidence)
  writeRunSpans(tracingOf('reporter'), { run: { ...run, accepted }, evidence, judgement, atMs: fromMs + 1_000 })
}

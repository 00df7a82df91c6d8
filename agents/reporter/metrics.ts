import { resultMessages } from '../../schemas/results.ts'
import { violationKinds } from '../../schemas/parts.ts'
import { agentNames } from '../../shared/core/agent.ts'
import { counter, gauge, type MetricRow } from '../../shared/runtime/metrics.ts'
import { LATENCY_BUCKETS } from '../../shared/runtime/traced-latency.ts'
import { faultKinds, mirrorDefects } from '../../topology/plan.ts'
import { hopName, SOURCE_HOP, type Topology } from '../../topology/topology.ts'
import { inconclusiveReasons } from './inconclusive-reasons.ts'

const verdicts = { verdict: ['pass', 'fail', 'inconclusive'] }

/** Hops are the topology's, so that every series exists from the start. What is told live is not told again after a restart. */
export const reporterMetrics = (topology: Topology): readonly MetricRow[] => [
  ...runRows,
  ...hopRows(topology),
  ...liveHopRows(topology),
  ...agentRows,
  blindRow(topology),
]

const runRows: readonly MetricRow[] = [
  { ...counter('assay_runs_total', 'runs', 'Runs judged, by verdict.'), labels: verdicts },
  {
    ...counter('assay_runs_inconclusive_total', 'runs', 'Inconclusive runs, by the first reason; one that failed has no such reason.'),
    labels: { reason: [...inconclusiveReasons] },
  },
  gauge('assay_run_last_judged_timestamp_seconds', 'seconds', 'When the last verdict was given, Unix time; 0 before the first.'),
  { ...gauge('assay_run_last_verdict', 'boolean', '1 for the last verdict, 0 for the others.'), labels: verdicts },
  gauge(
    'assay_load_asked_canaries_per_second',
    'canaries per second',
    'What the runs that produce now ask of the generator; 0: none does.',
  ),
  { ...gauge('assay_fault_active', 'faults', 'Faults of Assay that stand, by kind.'), labels: { fault: [...faultKinds] } },
  gauge('assay_fault_recovery_seconds', 'seconds', 'From healed to caught up, at the last fault.'),
]

function hopRows({ hops }: Topology): readonly MetricRow[] {
  const hop = [SOURCE_HOP, ...hops.map(hopName)]
  return [
    {
      ...counter('assay_hop_canaries_expected_total', 'canaries', 'Canaries that had to be at the hop, added with each verdict.'),
      labels: { hop },
    },
    { ...counter('assay_hop_canaries_sighted_total', 'canaries', 'Of these, those that were seen there.'), labels: { hop } },
    {
      ...counter('assay_hop_canaries_bad_total', 'canaries', 'Of these, those that were not whole: what fidelity counts.'),
      labels: { hop },
    },
    {
      ...counter('assay_hop_violations_total', 'canaries', 'Canaries found wrong, by hop and kind, as findings come.'),
      labels: { hop, violation: [...violationKinds] },
      traced: true,
    },
    {
      ...counter('assay_hop_corrections_total', 'canaries', 'Canaries of which a finding was taken back.'),
      labels: { hop, violation: [...violationKinds] },
    },
    {
      ...gauge('assay_hop_fidelity_ratio', 'ratio', 'Share of the expected canaries that the last run found whole at the hop.'),
      labels: { hop },
    },
    { ...gauge('assay_hop_latency_p95_seconds', 'seconds', 'p95 of the last run, from intended send to the hop.'), labels: { hop } },
  ]
}

function liveHopRows({ hops }: Topology): readonly MetricRow[] {
  const delivered = hops.filter(({ kind }) => kind !== 'api').map(hopName)
  const asked = hops.filter(({ kind }) => kind === 'api').map(hopName)
  const storing = [SOURCE_HOP, ...delivered]
  const hop = [...storing, ...asked]
  return [
    {
      name: 'assay_hop_latency_seconds',
      type: 'histogram',
      unit: 'seconds',
      help: 'From intended send to the hop, within 2 %, as sightings come; for endpoints, from the intended time of the question.',
      labels: { hop },
      buckets: LATENCY_BUCKETS,
      fed: 'by-count',
    },
    {
      ...gauge('assay_hop_freshness_seconds', 'seconds', 'Age of the newest canary seen at the hop while a run produces, else 0.'),
      labels: { hop: storing },
    },
    {
      ...gauge('assay_hop_deliver_within_seconds', 'seconds', 'How old a canary may be at the hop: what the topology asks for.'),
      labels: { hop: delivered },
    },
    {
      ...gauge(
        'assay_hop_answer_within_seconds',
        'seconds',
        'What p95 of the answers of an endpoint should be: 50 ms, and 100 ms where it computes over many records.',
      ),
      labels: { hop: asked },
    },
    {
      ...gauge('assay_hop_lag_canaries', 'canaries', 'Acknowledged and not seen at the hop yet, in runs under way.'),
      labels: { hop: storing },
    },
  ]
}

const agentRows: readonly MetricRow[] = [
  {
    ...gauge(
      'assay_agent_heartbeat_timestamp_seconds',
      'seconds',
      'When the agent was last heard on the results topic, Unix time; 0: never.',
    ),
    labels: { agent: [...agentNames] },
  },
  { ...gauge('assay_agent_resident_bytes', 'bytes', 'Resident memory of the agent, as it says.'), labels: { agent: [...agentNames] } },
  {
    ...counter('assay_reporter_facts_total', 'facts', 'Facts heard, by kind.'),
    labels: { kind: resultMessages.map((message) => message.shape.kind.value) },
  },
]

/** Each defect at each hop that can show it, whether plans plant it or not: at 0 from the start. */
const blindRow = ({ hops }: Topology): MetricRow => ({
  ...counter(
    'assay_watcher_blind_total',
    'canaries',
    'Canaries that were defective on purpose and that the watcher of the hop did not report as what they are.',
  ),
  labels: { hop: hops.filter(({ kind }) => kind !== 'api').map(hopName), defect: [...mirrorDefects] },
})

import type { Board } from '../board.ts'
import { API_P95_SECONDS, BURN, FIDELITY_SLO, QUERY_P95_SECONDS } from '../limits.ts'
import { above, below, buckets, lines, none, stat, table, traceList } from '../panels.ts'
import { badShare, burn, hopBuckets, hopQuantile, onceJudged, quantile } from '../promql.ts'

const here = '{hop="$hop"}'

export const hop: Board = {
  uid: 'assay-hop',
  title: 'Assay · Hop',
  description: 'One place where records can be seen: what is missing or wrong there, and how long records take to reach it.',
  from: 'now-1h',
  variables: [
    {
      kind: 'label',
      name: 'hop',
      label: 'Hop',
      description: 'The source, a topic, a table or an endpoint of the pipeline.',
      metric: 'assay_hop_fidelity_ratio',
    },
  ],
  rows: [
    { title: '$hop', panels: nowPanels() },
    { title: 'What went wrong', panels: defectPanels() },
    { title: 'Traces of what went wrong here', panels: tracePanels() },
    { title: 'How long it takes', panels: latencyPanels() },
    { title: 'Questions asked here (endpoints)', panels: questionPanels() },
  ],
}

function nowPanels() {
  return [
    stat({
      title: 'Fidelity, last run',
      description: 'Share of the expected canaries that the last judged run found whole here.',
      unit: 'percentunit',
      width: 4,
      decimals: 4,
      steps: above(0.999, FIDELITY_SLO),
      queries: [{ expr: onceJudged(`max(assay_hop_fidelity_ratio${here})`), legend: 'fidelity' }],
    }),
    stat({
      title: 'Fidelity in view',
      description: 'The same over all runs judged in the time shown. The objective is 99.99 %.',
      unit: 'percentunit',
      width: 4,
      decimals: 4,
      steps: above(0.999, FIDELITY_SLO),
      queries: [{ expr: `1 - (${badShare('$__range', here)})`, legend: 'fidelity' }],
    }),
    stat({
      title: 'Not whole in view',
      description: 'Expected canaries that were lost, doubled or changed here, in runs judged in the time shown.',
      unit: 'short',
      width: 4,
      decimals: 0,
      steps: none,
      queries: [{ expr: `sum(increase(assay_hop_canaries_bad_total${here}[$__range]))`, legend: 'bad' }],
    }),
    stat({
      title: 'Latency p95, last run',
      description: 'From the intended send to the sighting here, in the last judged run.',
      unit: 's',
      width: 4,
      queries: [{ expr: onceJudged(`max(assay_hop_latency_p95_seconds${here})`), legend: 'p95' }],
    }),
    stat({
      title: 'Freshness',
      description: 'Age of the newest canary seen here, while a run produces.',
      unit: 's',
      width: 4,
      history: true,
      queries: [{ expr: `max(assay_hop_freshness_seconds${here})`, legend: 'age' }],
    }),
    stat({
      title: 'Lag',
      description: 'Canaries acknowledged and not yet seen here, in runs under way.',
      unit: 'short',
      width: 4,
      history: true,
      queries: [{ expr: `max(assay_hop_lag_canaries${here})`, legend: 'canaries' }],
    }),
  ]
}

function defectPanels() {
  return [
    lines({
      title: 'Violations by kind',
      description: 'Canaries found wrong here, when the finding was told. Points are the last findings: click one to see the trace.',
      unit: 'short',
      width: 12,
      min: 0,
      stacked: true,
      queries: [
        {
          expr: `sum by (violation) (increase(assay_hop_violations_total${here}[$__rate_interval])) > 0`,
          legend: '{{violation}}',
          exemplars: true,
        },
      ],
    }),
    table({
      title: 'Kinds in view',
      description: 'Canaries found wrong here in the time shown, and findings taken back by evidence that came late.',
      unit: 'short',
      width: 6,
      decimals: 0,
      noValue: '0',
      labels: ['violation'],
      steps: none,
      queries: [
        { expr: `sum by (violation) (increase(assay_hop_violations_total${here}[$__range])) > 0`, legend: 'found' },
        { expr: `sum by (violation) (increase(assay_hop_corrections_total${here}[$__range])) > 0`, legend: 'taken back' },
      ],
    }),
    lines({
      title: 'Budget burn',
      description: 'How many times faster than the objective allows this hop spends its budget.',
      unit: 'none',
      width: 6,
      decimals: 1,
      min: 0,
      steps: below(BURN.slow, BURN.fast),
      queries: ['1h', '6h'].map((window) => ({ expr: burn(window, here), legend: window })),
    }),
    lines({
      title: 'Expected and seen',
      description: 'Canaries that had to be here and those that were, added at each verdict. The two lie on each other while all is well.',
      unit: 'short',
      width: 24,
      min: 0,
      queries: [
        { expr: `sum(increase(assay_hop_canaries_expected_total${here}[$__rate_interval]))`, legend: 'expected' },
        { expr: `sum(increase(assay_hop_canaries_sighted_total${here}[$__rate_interval]))`, legend: 'seen' },
      ],
    }),
  ]
}

function tracePanels() {
  const found = (violation: string, title: string) =>
    traceList({
      title,
      description:
        'Canaries of the time shown with this finding at this hop, each with its whole way. Other kinds are found by the same tag.',
      width: 12,
      height: 7,
      service: 'assay-$hop',
      tags: `assay.violation="${violation}"`,
    })
  return [found('lost', 'Lost here'), found('duplicated', 'Duplicated here')]
}

function latencyPanels() {
  return [
    lines({
      title: 'Latency p50, p95, p99',
      description: 'From the intended send to the sighting here. Points are canaries with a trace: click one to see where its time went.',
      unit: 's',
      width: 12,
      min: 0,
      queries: [0.5, 0.95, 0.99].map((q) => ({
        expr: hopQuantile(q, here),
        legend: `p${q * 100}`,
        exemplars: true,
      })),
    }),
    buckets({
      title: 'Latency, all of it',
      description: 'Canaries by latency over time. Two bands are two populations: batches, retries, or a slow partition.',
      unit: 's',
      width: 12,
      expr: hopBuckets(here),
    }),
  ]
}

function questionPanels() {
  return [
    lines({
      title: 'Answers per second by outcome',
      description: 'Right, different from what was produced (perhaps only older), or refused. Empty for topics and tables.',
      unit: 'ops',
      width: 12,
      min: 0,
      queries: [{ expr: `sum by (outcome) (rate(assay_prober_answers_total${here}[$__rate_interval]))`, legend: '{{outcome}}' }],
    }),
    lines({
      title: 'Answer time p50, p95, p99',
      description: 'From the intended time of a question to its answer. The limits are 50 ms for an API and 100 ms for a query, at p95.',
      unit: 's',
      width: 12,
      min: 0,
      steps: below(API_P95_SECONDS, QUERY_P95_SECONDS),
      queries: [0.5, 0.95, 0.99].map((q) => ({
        expr: quantile(q, 'assay_prober_latency_seconds', { where: here }),
        legend: `p${q * 100}`,
        exemplars: true,
      })),
    }),
  ]
}

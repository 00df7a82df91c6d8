import { boardUrl, type Board } from '../board.ts'
import { API_P95_SECONDS, BURN, FIDELITY_SLO, HEARTBEAT_SECONDS } from '../limits.ts'
import { above, below, bars, good, lines, none, stat, table, type Link } from '../panels.ts'
import { badShare, burn, hopQuantile, lastVerdict, onceJudged, quantile, sinceTimestamp, verdictsInRange } from '../promql.ts'
import { verdictWords } from '../words.ts'

const toHop: Link = { title: 'Open this hop', url: boardUrl('assay-hop', 'var-hop=${__field.labels.hop}') }
const toAgents: Link = { title: 'Open the agents', url: boardUrl('assay-agents') }

export const overview: Board = {
  uid: 'assay-overview',
  title: 'Assay · Overview',
  description: 'Does the pipeline deliver what went in? The verdict first, then where and how much, then how fast.',
  from: 'now-1h',
  rows: [
    { title: 'Verdict', panels: verdictPanels() },
    { title: 'Fidelity: every record once, intact, in order', panels: fidelityPanels() },
    { title: 'Speed: on time, and how fresh', panels: speedPanels() },
    { title: 'The watcher itself', panels: watcherPanels() },
  ],
}

function verdictPanels() {
  return [
    stat({
      title: 'Last verdict',
      description: 'Of the run judged last. Inconclusive means that evidence is missing: it is neither a pass nor a loss.',
      unit: 'none',
      width: 4,
      words: verdictWords,
      queries: [{ expr: lastVerdict, legend: 'verdict' }],
    }),
    stat({
      title: 'Judged',
      description: 'Time since the last verdict. With a continuous plan it stays below its window and what judging takes.',
      unit: 's',
      width: 3,
      decimals: 0,
      steps: below(180, 600),
      queries: [{ expr: 'time() - (max(assay_run_last_judged_timestamp_seconds) > 0)', legend: 'ago' }],
    }),
    stat({
      title: 'Verdicts in view',
      description: 'Runs judged in the time shown, by verdict.',
      unit: 'short',
      width: 5,
      decimals: 0,
      names: true,
      queries: [{ expr: verdictsInRange, legend: '{{verdict}}' }],
    }),
    stat({
      title: 'Fidelity in view',
      description: 'Share of the expected canaries found whole at every hop in the time shown. The objective is 99.99 %.',
      unit: 'percentunit',
      width: 4,
      decimals: 4,
      max: 1,
      steps: above(0.999, FIDELITY_SLO),
      queries: [{ expr: `1 - (${badShare('$__range')})`, legend: 'fidelity' }],
    }),
    stat({
      title: 'Budget burn, 1 h',
      description:
        'How many times faster than the objective of 99.99 % over 30 days allows its budget is being spent. Above 14.4 a page goes out.',
      unit: 'none',
      width: 3,
      decimals: 1,
      steps: below(BURN.slow, BURN.fast),
      queries: [{ expr: burn('1h'), legend: 'burn' }],
    }),
    stat({
      title: 'Alerts firing',
      description: 'Alert rules that fire now, without the watchdog, which always does.',
      unit: 'short',
      width: 2,
      steps: none,
      queries: [{ expr: 'count(ALERTS{alertstate="firing", alertname!="AssayWatchdog"}) or vector(0)', legend: 'firing' }],
    }),
    stat({
      title: 'Agents missing',
      description:
        'Agents of the stack that do not answer the scrape. A missing one makes runs inconclusive, not failed. An injector that was never started is none of the stack.',
      unit: 'short',
      width: 3,
      steps: none,
      link: toAgents,
      queries: [{ expr: 'count(assay:agent:up == 0) or 0 * count(assay:agent:up)', legend: 'missing' }],
    }),
  ]
}

function fidelityPanels() {
  return [
    lines({
      title: 'Fidelity per hop',
      description:
        'Share of the expected canaries that the last judged run found whole at the hop. A step at one hop that stays at those behind it: that hop lost them.',
      unit: 'percentunit',
      width: 12,
      decimals: 4,
      max: 1,
      steps: above(0.999, FIDELITY_SLO),
      link: toHop,
      queries: [{ expr: onceJudged('max by (hop) (assay_hop_fidelity_ratio)'), legend: '{{hop}}' }],
    }),
    lines({
      title: 'Budget burn by window',
      description:
        'The objective is in danger where a short and a long window are both above the line: 14.4 over 5 m and 1 h, 1 over 6 h and 3 d.',
      unit: 'none',
      width: 12,
      decimals: 1,
      min: 0,
      steps: below(BURN.slow, BURN.fast),
      queries: ['5m', '1h', '6h', '3d'].map((window) => ({ expr: burn(window), legend: window })),
    }),
    lines({
      title: 'Violations as they are found, by hop and kind',
      description: 'Canaries found wrong, when the finding was told: before the verdict. What was taken back later is not subtracted here.',
      unit: 'short',
      width: 12,
      min: 0,
      stacked: true,
      link: toHop,
      queries: [
        {
          expr: 'sum by (hop, violation) (increase(assay_hop_violations_total[$__rate_interval])) > 0',
          legend: '{{violation}} at {{hop}}',
        },
      ],
    }),
    table({
      title: 'Violations in view',
      description: 'Canaries found wrong in the time shown, and how many findings were taken back by evidence that came late.',
      unit: 'short',
      width: 12,
      decimals: 0,
      noValue: '0',
      labels: ['hop', 'violation'],
      steps: none,
      queries: [
        { expr: 'sum by (hop, violation) (increase(assay_hop_violations_total[$__range])) > 0', legend: 'found' },
        { expr: 'sum by (hop, violation) (increase(assay_hop_corrections_total[$__range])) > 0', legend: 'taken back' },
      ],
    }),
  ]
}

function speedPanels() {
  const percentile = (q: number, title: string) =>
    lines({
      title,
      description:
        'From the intended send to the sighting at the hop. Points are canaries with a trace: click one to see where its time went.',
      unit: 's',
      width: 8,
      min: 0,
      log: true,
      link: toHop,
      queries: [{ expr: hopQuantile(q), legend: '{{hop}}', exemplars: true }],
    })
  return [
    percentile(0.5, 'Latency p50 per hop'),
    percentile(0.95, 'Latency p95 per hop'),
    percentile(0.99, 'Latency p99 per hop'),
    lines({
      title: 'Throughput',
      description: 'Canaries written, by what the broker said, and canaries and rows read behind it. Only acknowledged ones can be lost.',
      unit: 'cps',
      width: 8,
      min: 0,
      queries: [
        { expr: 'sum by (outcome) (rate(assay_generator_canaries_total[$__rate_interval]))', legend: 'written, {{outcome}}' },
        { expr: 'sum(rate(assay_checker_canaries_total[$__rate_interval]))', legend: 'read on topics' },
        { expr: 'sum(rate(assay_reconciler_rows_total[$__rate_interval]))', legend: 'rows read in tables' },
      ],
    }),
    lines({
      title: 'Freshness per hop',
      description: 'Age of the newest canary seen at the hop, while a run produces. It climbs in a straight line where a hop stands still.',
      unit: 's',
      width: 8,
      min: 0,
      link: toHop,
      queries: [{ expr: 'max by (hop) (assay_hop_freshness_seconds)', legend: '{{hop}}' }],
    }),
    lines({
      title: 'Lag per hop',
      description: 'Canaries acknowledged and not yet seen at the hop, in runs under way. It is back at 0 before a run ends well.',
      unit: 'short',
      width: 8,
      min: 0,
      link: toHop,
      queries: [{ expr: 'max by (hop) (assay_hop_lag_canaries)', legend: '{{hop}}' }],
    }),
    bars({
      title: 'Answers of the API and queries in view, by outcome',
      description: 'Different means that the answer was not what was produced, perhaps only older; refused means none came.',
      unit: 'short',
      width: 12,
      decimals: 0,
      steps: good,
      queries: [{ expr: 'sum by (hop, outcome) (increase(assay_prober_answers_total[$__range]))', legend: '{{outcome}} at {{hop}}' }],
    }),
    lines({
      title: 'Answer time p95',
      description: 'From the intended time of a question to its answer, at a fixed rate. An API must stay below 50 ms.',
      unit: 's',
      width: 12,
      min: 0,
      steps: below(API_P95_SECONDS * 0.8, API_P95_SECONDS),
      queries: [{ expr: quantile(0.95, 'assay_prober_latency_seconds'), legend: '{{hop}}', exemplars: true }],
    }),
  ]
}

function watcherPanels() {
  return [
    lines({
      title: 'Heartbeat age by agent',
      description:
        'Time since the agent was last heard on the results topic. It beats every 5 s; above 15 s its silence makes runs inconclusive.',
      unit: 's',
      width: 12,
      min: 0,
      steps: below(HEARTBEAT_SECONDS, 2 * HEARTBEAT_SECONDS),
      link: toAgents,
      queries: [{ expr: sinceTimestamp('assay_agent_heartbeat_timestamp_seconds', 'agent'), legend: '{{agent}}' }],
    }),
    lines({
      title: 'Inconclusive runs by reason',
      description: 'Runs without enough evidence, when they were judged, by what was missing.',
      unit: 'short',
      width: 12,
      min: 0,
      stacked: true,
      queries: [{ expr: 'sum by (reason) (increase(assay_runs_inconclusive_total[$__rate_interval])) > 0', legend: '{{reason}}' }],
    }),
    lines({
      title: 'Planted defects not seen',
      description: 'Canaries that were defective on purpose and that the watcher of the hop did not report, when their run was judged.',
      unit: 'short',
      width: 24,
      min: 0,
      stacked: true,
      queries: [
        {
          expr: 'sum by (hop, defect) (increase(assay_watcher_blind_total[$__rate_interval])) > 0',
          legend: '{{hop}} {{defect}}',
        },
      ],
    }),
  ]
}

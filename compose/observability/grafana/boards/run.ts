import { boardUrl, type Board } from '../board.ts'
import { FIDELITY_SLO } from '../limits.ts'
import { above, annotationList, bars, lines, none, note, stat, states, table, traceList } from '../panels.ts'
import { badShare, hopQuantile, lastVerdict, verdictsInRange } from '../promql.ts'
import { faultWords, verdictWords } from '../words.ts'

const REPORT = '${reporter}/runs/${run}'

const opening = `A run is a stretch of time here: no metric carries its id. Open this page from a verdict's mark on a graph or from the list
below: it sets the time and the run. Then:

* **[the report of run \${run}](${REPORT})**: verdict, reasons, violations with offset, snapshot and trace
* its traces: in the list of traces below, or of a point on a latency line`

export const run: Board = {
  uid: 'assay-run',
  title: 'Assay · Run',
  description: 'One run: what happened in its time, with links to its report and its traces.',
  from: 'now-15m',
  variables: [
    {
      kind: 'text',
      name: 'run',
      label: 'Run',
      description: 'Id of a run, for the links and the list of traces. Verdict marks fill it in.',
      value: '',
    },
    {
      kind: 'text',
      name: 'reporter',
      label: 'Reporter',
      description: "Address of the reporter's page as this browser reaches it.",
      value: 'http://127.0.0.1:18090',
    },
  ],
  links: [{ title: 'Report of this run', url: REPORT }],
  rows: [
    { title: 'Which run', panels: whichPanels() },
    { title: 'What was found', panels: findingPanels() },
    { title: 'As it went', panels: coursePanels() },
    { title: 'Its traces', panels: tracePanels() },
  ],
}

function whichPanels() {
  return [
    note({ title: 'How to read this', description: 'Where the time and the run come from.', width: 10, height: 6, markdown: opening }),
    annotationList({
      title: 'Verdicts in view',
      description: 'What the reporter posted at each verdict. A click goes to its time; the link in a mark sets the run as well.',
      width: 8,
      height: 6,
      tags: ['assay', 'verdict'],
    }),
    stat({
      title: 'Verdict',
      description: 'Of the run judged last before the end of the time shown.',
      unit: 'none',
      width: 3,
      height: 6,
      words: verdictWords,
      queries: [{ expr: lastVerdict, legend: 'verdict' }],
    }),
    stat({
      title: 'Judged in view',
      description: 'More than one: narrow the time to see one run alone.',
      unit: 'short',
      width: 3,
      height: 6,
      decimals: 0,
      queries: [{ expr: `sum(${verdictsInRange})`, legend: 'runs' }],
    }),
  ]
}

function findingPanels() {
  return [
    table({
      title: 'Hops',
      description: 'Canaries that had to be at the hop, were seen there, and were not whole, in the runs judged in the time shown.',
      unit: 'short',
      width: 12,
      decimals: 0,
      labels: ['hop'],
      link: { title: 'Open this hop', url: boardUrl('assay-hop', 'var-hop=${__data.fields.hop}') },
      queries: [
        { expr: 'sum by (hop) (increase(assay_hop_canaries_expected_total[$__range]))', legend: 'expected' },
        { expr: 'sum by (hop) (increase(assay_hop_canaries_sighted_total[$__range]))', legend: 'seen' },
        { expr: 'sum by (hop) (increase(assay_hop_canaries_bad_total[$__range]))', legend: 'not whole' },
      ],
    }),
    table({
      title: 'Violations',
      description: 'Canaries found wrong in the time shown. Each with its evidence is in the report.',
      unit: 'short',
      width: 8,
      decimals: 0,
      noValue: '0',
      labels: ['hop', 'violation'],
      steps: none,
      queries: [{ expr: 'sum by (hop, violation) (increase(assay_hop_violations_total[$__range])) > 0', legend: 'canaries' }],
    }),
    stat({
      title: 'Fidelity',
      description: 'Share of the expected canaries found whole, over all hops. The objective is 99.99 %.',
      unit: 'percentunit',
      width: 4,
      height: 8,
      decimals: 4,
      steps: above(0.999, FIDELITY_SLO),
      queries: [{ expr: `1 - (${badShare('$__range')})`, legend: 'fidelity' }],
    }),
  ]
}

function coursePanels() {
  return [
    lines({
      title: 'Canaries written',
      description: 'By what the broker said: only acknowledged ones can be lost, unknown ones may appear once or not at all.',
      unit: 'cps',
      width: 8,
      min: 0,
      queries: [{ expr: 'sum by (outcome) (rate(assay_generator_canaries_total[$__rate_interval]))', legend: '{{outcome}}' }],
    }),
    lines({
      title: 'Still owed per hop',
      description: 'Canaries acknowledged and not yet seen. It rises while a run produces and is 0 when it ends well.',
      unit: 'short',
      width: 8,
      min: 0,
      queries: [{ expr: 'max by (hop) (assay_hop_lag_canaries)', legend: '{{hop}}' }],
    }),
    lines({
      title: 'Latency p95 per hop',
      description: 'From the intended send to the sighting. Points are canaries with a trace.',
      unit: 's',
      width: 8,
      min: 0,
      log: true,
      queries: [{ expr: hopQuantile(0.95), legend: '{{hop}}', exemplars: true }],
    }),
    states({
      title: 'Faults',
      description: 'Disturbances of our own that stood in this time: lateness within them is expected, loss never is.',
      unit: 'none',
      width: 12,
      height: 5,
      words: faultWords,
      queries: [{ expr: 'max by (fault) (assay_fault_active)', legend: '{{fault}}' }],
    }),
    bars({
      title: 'Answers in view, by outcome',
      description: 'Questions put to queries and endpoints in the time shown.',
      unit: 'short',
      width: 12,
      height: 5,
      decimals: 0,
      queries: [{ expr: 'sum by (hop, outcome) (increase(assay_prober_answers_total[$__range]))', legend: '{{outcome}} at {{hop}}' }],
    }),
  ]
}

function tracePanels() {
  return [
    traceList({
      title: 'The run as a trace',
      description: 'Its stages, the verdict, and links to canaries: the bad ones first. Needs the run above.',
      width: 12,
      service: 'assay-run',
      tags: 'assay.run.id="${run}"',
    }),
    traceList({
      title: 'Failed runs in view',
      description: 'Traces of the runs of the time shown that were judged as failed, whichever run is set above.',
      width: 12,
      service: 'assay-run',
      tags: 'assay.verdict="fail"',
    }),
  ]
}

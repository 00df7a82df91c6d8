import type { Alert } from './rules.ts'

/** 1 − 99.99 %: the share of canaries that may be bad. */
const ERROR_BUDGET = 0.0001

/** Burns that spend so much of a month's budget in the long window (Site Reliability Workbook, chapter 5), and still do in the short one. */
const burn = (rate: number, long: string, short: string) =>
  `(assay:hop_errors:ratio_${long} > ${rate} * ${ERROR_BUDGET} and assay:hop_errors:ratio_${short} > ${rate} * ${ERROR_BUDGET})`

const found = (violations: string) =>
  `sum by (hop, violation) (increase(assay_hop_violations_total{violation${violations}}[2m])) > ` +
  // More than was taken back: of two counters that grow alike, the extrapolation of `increase` may differ by a little.
  `1.1 * sum by (hop, violation) (increase(assay_hop_corrections_total{violation${violations}}[2m]))`

/** What a fault of Assay's own is allowed to do to records, for a while. */
const degraded = '=~"late|stale|slow"'
const noFaultLately = 'unless on () (sum(max_over_time(assay_fault_active[5m])) > 0)'

const where = 'The reporter alerts beside this one as AssayRunFailed, with run, report and trace.'
const readReport =
  'Open the report of the latest failed run: `/runs/latest-failed` of the reporter, or the link in the alert AssayRunFailed.'

export const dataAlerts: readonly Alert[] = [
  {
    name: 'AssayViolation',
    group: 'assay-data',
    expr: found('!~"late|stale|slow"'),
    keepFiringFor: '2m',
    labels: { severity: 'critical' },
    annotations: {
      summary: '{{ $labels.violation }} at {{ $labels.hop }}',
      description: `Canaries were found wrong within the last two minutes. ${where}`,
    },
    means: 'Records that the pipeline acknowledged are lost, doubled, changed or out of order. This is the first hop at which it shows.',
    look: [readReport, 'The dashboard "hop" shows since when. Search Jaeger for `assay.violation=<kind>`.'],
    act: [
      'What stands between this hop and the one before is the suspect: its deployments, restarts and logs of that time.',
      'The report gives the commands by which to see a bad record yourself.',
    ],
  },
  {
    name: 'AssayDegraded',
    group: 'assay-data',
    expr: `${found(degraded)} ${noFaultLately}`,
    for: '10s',
    keepFiringFor: '2m',
    labels: { severity: 'warning' },
    annotations: {
      summary: '{{ $labels.violation }} at {{ $labels.hop }}',
      description: `Canaries came, and not in time. No fault of Assay explains it. ${where}`,
    },
    means:
      'Records are whole and late, or an endpoint answers from an old snapshot or too slowly. During its own faults Assay expects that.',
    look: [readReport, 'The dashboard "hop", panels latency and freshness: which hop is the first to be late?'],
    act: ['Load, restarts and rebalances of what stands before that hop.'],
  },
  {
    name: 'AssayLastRunFailed',
    group: 'assay-data',
    expr: 'max(assay_run_last_verdict{verdict="fail"}) == 1',
    // Over a restart of the reporter. AssayRunFailed, which holds this one back, goes on longer.
    keepFiringFor: '20s',
    labels: { severity: 'critical' },
    annotations: {
      summary: 'The last run failed',
      description: 'The reporter alerts beside this one as AssayRunFailed, with run, report and trace.',
    },
    means: 'The last run that was judged has found the pipeline wrong. It ends with the next that passes.',
    look: [readReport],
    act: ['As for AssayViolation.'],
  },
]

export const sloAlerts: readonly Alert[] = [
  {
    name: 'AssayFidelityBurnsFast',
    group: 'assay-slo',
    expr: burn(14.4, '1h', '5m'),
    keepFiringFor: '5m',
    labels: { severity: 'critical' },
    annotations: {
      summary: 'Fidelity at {{ $labels.hop }} burns a month of its budget in two days',
      description: 'More than 0.144 % of the canaries of the last hour were bad.',
    },
    means: 'The objective of 99.99 % whole records is missed so badly that 2 % of a month of budget went in an hour.',
    look: [readReport, 'Which violations: the dashboard "overview", panel violations by hop and kind.'],
    act: ['As for AssayViolation. It is worth stopping a rollout for.'],
  },
  {
    name: 'AssayFidelityBurnsSlowly',
    group: 'assay-slo',
    expr: burn(6, '6h', '30m'),
    for: '5m',
    keepFiringFor: '15m',
    labels: { severity: 'warning' },
    annotations: {
      summary: 'Fidelity at {{ $labels.hop }} burns a month of its budget in five days',
      description: 'More than 0.06 % of the canaries of the last six hours were bad.',
    },
    means: 'A defect that is rare, and does not go away: 5 % of a month of budget went in six hours.',
    look: [readReport, 'Compare the reports of several runs: the same partition, field or time of day?'],
    act: ['As for AssayViolation, in working hours.'],
  },
  {
    name: 'AssayFidelityErodes',
    group: 'assay-slo',
    expr: `${burn(3, '1d', '2h')} or ${burn(1, '3d', '6h')}`,
    for: '15m',
    keepFiringFor: '1h',
    labels: { severity: 'warning' },
    annotations: {
      summary: 'Fidelity at {{ $labels.hop }} will miss its objective this month',
      description: 'A tenth of a month of budget went in a day, or in three.',
    },
    means: 'Very few records go wrong, again and again.',
    look: ['The history on the page of the reporter: which runs failed, and what have they in common?'],
    act: ['Plan the repair. No reason to get up at night.'],
  },
]

export const latencyAlerts: readonly Alert[] = [
  {
    name: 'AssayAnswersSlow',
    group: 'assay-latency',
    expr: 'assay:prober_latency_seconds:p95_5m > max by (hop) (assay_hop_answer_within_seconds)',
    for: '2m',
    keepFiringFor: '2m',
    labels: { severity: 'warning' },
    annotations: {
      summary: 'p95 of {{ $labels.hop }} is {{ $value | humanizeDuration }}',
      description: 'Over the last five minutes, from the intended time of each question. The limit is 50 ms, for windows 100 ms.',
    },
    means: 'One answer in twenty takes longer than it may: 50 ms to look up a record, 100 ms to compute over a window of them.',
    look: ['The dashboard "hop", panel latency; its exemplars open the traces of slow answers.'],
    act: ['Load, compaction and cache of the query service; the size of its table.'],
  },
  {
    name: 'AssayAnswersRefused',
    group: 'assay-latency',
    expr: 'sum by (hop) (increase(assay_prober_answers_total{outcome="refused"}[2m])) > 0.05 * sum by (hop) (increase(assay_prober_answers_total[2m]))',
    for: '30s',
    keepFiringFor: '1m',
    labels: { severity: 'warning' },
    annotations: {
      summary: '{{ $labels.hop }} refuses answers',
      description: 'More than one question in twenty of the last two minutes got none.',
    },
    means: 'The endpoint is down, overloaded, or does not know the key of the prober.',
    look: ['The status codes in the spans of the prober in Jaeger.', 'The log of the endpoint.'],
    act: ['Bring the endpoint back; give the prober its key.'],
  },
  {
    name: 'AssayStale',
    group: 'assay-latency',
    // Twice as old as a record may be when it arrives, the newest one shows that none comes any more.
    expr: `assay:hop_freshness_seconds:max > 2 * max by (hop) (assay_hop_deliver_within_seconds) ${noFaultLately}`,
    for: '20s',
    keepFiringFor: '30s',
    labels: { severity: 'warning' },
    annotations: {
      summary: 'Nothing new came to {{ $labels.hop }} for {{ $value | humanizeDuration }}',
      description: 'A run produces, and the topology gives a record half that time to arrive. No fault of Assay explains it.',
    },
    means: 'Canaries are written and this hop does not see them: what stands before it is slow or has stopped.',
    look: [
      'The lag of the consumer group before the hop; `assay_hop_lag_canaries` of the hops before.',
      'Is this hop old alone, or all hops behind it too?',
    ],
    act: ['Start or scale what processes into the hop.'],
  },
  {
    name: 'AssayThroughputLow',
    group: 'assay-latency',
    // Asked for, and scraped, during the whole time that the rate looks back over: the rate of what is seen for less is too low.
    expr: 'assay:acknowledged:rate1m < 0.9 * max(min_over_time(assay_load_asked_canaries_per_second[90s]) > 0 and assay_load_asked_canaries_per_second offset 90s)',
    for: '30s',
    keepFiringFor: '30s',
    labels: { severity: 'warning' },
    annotations: {
      summary: 'Only {{ $value | humanize }} canaries a second were acknowledged',
      description: 'More than a tenth less than the runs under way ask for.',
    },
    means: 'The source does not take what the plan asks for (10,000 a second and more in a load plan), or the generator cannot make it.',
    look: [
      '`assay_generator_write_seconds`: does the source acknowledge slowly?',
      'The processor time of the generator: dashboard "agents".',
    ],
    act: ['Scale the source, or give the generator a core of its own.'],
  },
]

export const chaosAlerts: readonly Alert[] = [
  {
    name: 'AssayFaultStands',
    group: 'assay-chaos',
    expr: 'assay_fault_active > 0',
    for: '5m',
    keepFiringFor: '1m',
    labels: { severity: 'critical' },
    annotations: { summary: 'A {{ $labels.fault }} of Assay has stood for five minutes', description: 'Its lease should have ended it.' },
    means: 'The pipeline is disturbed by Assay for longer than a plan ought to, or nobody says that it was healed.',
    look: ['The log of the chaos-injector and of its watchdog; the lease journals in its state folder.'],
    act: ['Start the chaos-injector: it reverts what it finds. Else end the fault by hand; the report says on which target.'],
  },
  {
    name: 'AssayWatchedDown',
    group: 'assay-chaos',
    expr: 'assay_watched_up == 0',
    for: '1m',
    keepFiringFor: '1m',
    labels: { severity: 'warning' },
    annotations: {
      summary: '{{ $labels.target }} is not there',
      description: 'The process or container that the topology names as a chaos target does not run, or nobody can tell.',
    },
    means:
      'A part of the pipeline under test is down, its pid file is stale, or the engine of its container or the gate to it does not answer.',
    look: [
      'The pid file of the topology, and the process; of a container, `docker ps`.',
      'The log of the chaos-injector, which tells why it cannot measure a target.',
    ],
    act: ['Start it again as its operators do; the next run shows what it missed.'],
  },
]

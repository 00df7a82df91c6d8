import type { Alert } from './rules.ts'

const readLogs = 'Read the log of the agent, and its `/readyz`, which says why it is not ready.'

/** Whether verdicts come, and whether one may believe that they would. */
const verdictAlerts: readonly Alert[] = [
  {
    name: 'AssayInconclusive',
    group: 'assay-watcher',
    expr: 'sum(increase(assay_runs_total{verdict="inconclusive"}[15m])) > 0 and sum(increase(assay_runs_total{verdict=~"pass|fail"}[15m])) == 0',
    for: '5m',
    // Until several windows have a verdict again.
    keepFiringFor: '5m',
    labels: { severity: 'warning' },
    annotations: {
      summary: 'Nobody knows whether the pipeline is right',
      description: 'Every run of the last quarter of an hour was inconclusive.',
    },
    means: 'Assay could not see enough to judge: its own trouble, or that of a server it asks.',
    look: ['`assay_runs_inconclusive_total` by reason; the reasons in the report.', 'The dashboard "agents".'],
    act: ['Bring back what the reason names: an agent, the catalog, the registry, the topic.'],
  },
  {
    name: 'AssayNoVerdict',
    group: 'assay-watcher',
    // Who asks for single runs now and then has not stopped validating.
    expr: 'sum(increase(assay_runs_total[3h])) > 10 unless sum(increase(assay_runs_total[15m])) > 0',
    for: '1m',
    keepFiringFor: '5m',
    labels: { severity: 'warning' },
    annotations: { summary: 'No run was judged for a quarter of an hour', description: 'Continuous validation stands still.' },
    means: 'Runs were judged regularly, and now none is: no window has ended with a verdict, or none was asked for.',
    look: ['Is a series under way? `assay watch`.', readLogs],
    act: ['Ask for the series again: `assay run continuous`.'],
  },
  {
    name: 'AssayWatcherBlind',
    group: 'assay-watcher',
    expr: 'sum by (hop, defect) (increase(assay_watcher_blind_total[5m])) > 0',
    keepFiringFor: '2m',
    labels: { severity: 'critical' },
    annotations: {
      summary: 'Assay does not see {{ $labels.defect }} records at {{ $labels.hop }}',
      description: 'A defect that it planted itself was not reported. Until that is mended, no verdict on this hop is worth anything.',
    },
    means: 'A watcher misses what it is there to find, or takes it for something else; or the pipeline makes that defect good by itself.',
    look: [
      'Section "The watcher watched" of the report: which canaries were not seen, and what they were taken for.',
      'Read one of them yourself: the stream is the one behind the last of the plan. Is the defect at the hop?',
    ],
    act: [
      'It is there: that is a bug in Assay. Tell the maintainers, with the archive of the run.',
      'It is not: the pipeline drops repeats, fills in headers or the like. Leave that defect out in `load.mirror.defects` of the plan.',
    ],
  },
  {
    name: 'AssayReporterGone',
    group: 'assay-watcher',
    expr: 'absent(up{job="assay", agent="reporter"} == 1)',
    for: '30s',
    keepFiringFor: '30s',
    labels: { severity: 'critical' },
    annotations: {
      summary: 'The reporter does not answer',
      description: 'No verdict, no page, and no other alert of Assay can be trusted to come.',
    },
    means: 'The dead-man: silence of every other alert means nothing while this one fires.',
    look: [readLogs],
    act: ['Start it again: it goes on from the two topics.'],
  },
  {
    name: 'AssayWatchdog',
    group: 'assay-watcher',
    expr: 'vector(1)',
    labels: { severity: 'none' },
    annotations: { summary: 'Alerting works', description: 'Fires always. Route it to a service that calls when it stops.' },
    means: 'Nothing is wrong: when this one stops, Prometheus or Alertmanager is down.',
    look: ['Is Prometheus up, does it reach Alertmanager?'],
    act: ['Start what is down.'],
  },
]

const agentAlerts: readonly Alert[] = [
  {
    name: 'AssayAgentSilent',
    group: 'assay-watcher',
    expr: 'time() - (assay_agent_heartbeat_timestamp_seconds > 0) > 30',
    for: '30s',
    keepFiringFor: '30s',
    labels: { severity: 'warning' },
    annotations: {
      summary: '{{ $labels.agent }} is silent',
      description: 'No heartbeat on the results topic for half a minute. Its part of every run is inconclusive.',
    },
    means: 'The agent is down, stuck, or cannot reach the cluster.',
    look: [readLogs],
    act: ['Start it again: it goes on from its own facts.'],
  },
  {
    name: 'AssayAgentDown',
    group: 'assay-watcher',
    expr: 'assay:agent:up == 0',
    for: '30s',
    keepFiringFor: '15s',
    labels: { severity: 'warning' },
    annotations: { summary: '{{ $labels.agent }} cannot be scraped', description: 'Prometheus gets no answer from its `/metrics`.' },
    means:
      'The agent is down, or its event loop is stuck, or the network between is. The chaos-injector, which a stack need not have, is missed for a day from its last answer.',
    look: [readLogs, 'Is its heartbeat still heard? Then it works, and only cannot be asked.'],
    act: ['Start it again: it goes on from its own facts.'],
  },
  {
    name: 'AssayAgentBehind',
    group: 'assay-watcher',
    expr: 'assay_agent_caught_up == 0',
    for: '2m',
    keepFiringFor: '1m',
    labels: { severity: 'warning' },
    annotations: {
      summary: '{{ $labels.agent }} has not read its topics to their ends',
      description: 'Until it has, it decides nothing.',
    },
    means: "The agent has started and does not get through the history of Assay's own topics.",
    look: [readLogs, "Assay's own cluster: is it there, may the agent read?"],
    act: ['Give it its rights, or bring the cluster back.'],
  },
  {
    name: 'AssayAgentMemory',
    group: 'assay-watcher',
    expr: 'process_resident_memory_bytes{job="assay"} > 3e8',
    for: '2m',
    keepFiringFor: '2m',
    labels: { severity: 'warning' },
    annotations: { summary: '{{ $labels.agent }} holds more than 300 MB', description: 'Its bound is 300 MB, whatever the load.' },
    means: 'A leak, a flood of violations, or a heap limit that somebody has changed.',
    look: ['The dashboard "agents": does it grow, or did it jump?'],
    act: ['Restart it, which costs nothing but time, and tell the maintainers.'],
  },
  {
    name: 'AssayEffectsFail',
    group: 'assay-watcher',
    expr: 'increase(assay_agent_effects_failed_total[10m]) > 0',
    keepFiringFor: '5m',
    labels: { severity: 'warning' },
    annotations: { summary: '{{ $labels.agent }} could not do what it decided', description: 'An effect threw: that is a bug in Assay.' },
    means: 'The agent lives on without what it meant to do; its stage may end inconclusive.',
    look: ['The log of the agent names the effect and the error.'],
    act: ['Tell the maintainers, with that line.'],
  },
]

const factAlerts: readonly Alert[] = [
  {
    name: 'AssayFactsRefused',
    group: 'assay-watcher',
    expr: 'assay_bus_facts_refused_total > 0',
    keepFiringFor: '5m',
    labels: { severity: 'critical' },
    annotations: {
      summary: '{{ $labels.agent }} has lost facts',
      description: 'Its outbox was full, or the cluster refuses what it says.',
    },
    means: 'Evidence is missing for good; the runs of that time are inconclusive or should be. It fires until the agent is restarted.',
    look: [readLogs, 'Rights and limits of the results topic: `assay topics`.'],
    act: ['Give the agent its rights and the topic its size, then restart it.'],
  },
  {
    name: 'AssayFactsWait',
    group: 'assay-watcher',
    expr: 'assay_bus_outbox_facts > 0',
    for: '1m',
    keepFiringFor: '15s',
    labels: { severity: 'warning' },
    annotations: {
      summary: '{{ $labels.agent }} cannot send its facts',
      description: '{{ $value }} wait. Verdicts are delayed; nothing is lost until the outbox is full.',
    },
    means: "Assay's own cluster is away or slow.",
    look: [readLogs, 'The cluster of the two topics: ASSAY_KAFKA_BOOTSTRAP.'],
    act: ['Bring the cluster back: what waits is sent then.'],
  },
  {
    name: 'AssayFactsUnreadable',
    group: 'assay-watcher',
    expr: 'assay_bus_unreadable_facts_total > 0',
    // Over a restart, after which they are read again.
    keepFiringFor: '5m',
    labels: { severity: 'warning' },
    annotations: {
      summary: '{{ $labels.agent }} cannot read facts',
      description: '{{ $value }} messages on the results topic are none that it knows.',
    },
    means: 'Agents of different versions, or somebody else who writes to the topic. It fires until the agent is restarted.',
    look: ['`assay_build_info`: do all agents run the same version?', 'Who may write to the results topic.'],
    act: ['Bring the agents to one version, readers first.'],
  },
]

export const watcherAlerts: readonly Alert[] = [...verdictAlerts, ...agentAlerts, ...factAlerts]

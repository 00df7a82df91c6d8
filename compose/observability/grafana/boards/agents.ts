import type { Board } from '../board.ts'
import { AGENT_BYTES, HEARTBEAT_SECONDS } from '../limits.ts'
import { below, good, lines, none, states, stat } from '../panels.ts'
import { sinceTimestamp } from '../promql.ts'
import { caughtUpWords, upWords } from '../words.ts'

const these = '{job="assay", agent=~"$agent"}'

export const agents: Board = {
  uid: 'assay-agents',
  title: 'Assay · Agents',
  description:
    'The watcher watched: heartbeats, memory, processor, event loop, what is unsent; and the processes and containers of the pipeline that are watched.',
  from: 'now-1h',
  variables: [
    { kind: 'label', name: 'agent', label: 'Agent', description: 'One or several agents, or all.', metric: 'up{job="assay"}', all: true },
  ],
  rows: [
    { title: 'Alive', panels: alivePanels() },
    { title: 'Resources of the agents', panels: resourcePanels() },
    { title: 'Facts and the two topics', panels: busPanels() },
    { title: 'Watched targets of the pipeline', panels: watchedPanels() },
  ],
}

function alivePanels() {
  return [
    states({
      title: 'Scraped',
      description: 'Whether the agent answers Prometheus. A gap of a restart is harmless: it goes on from its own last fact.',
      unit: 'none',
      width: 9,
      height: 7,
      words: upWords,
      queries: [{ expr: 'max by (agent) (assay:agent:up{agent=~"$agent"})', legend: '{{agent}}' }],
    }),
    states({
      title: 'Caught up',
      description: 'Whether both topics are read up to where they ended at the start. No agent decides before.',
      unit: 'none',
      width: 9,
      height: 7,
      words: caughtUpWords,
      queries: [{ expr: `max by (agent) (assay_agent_caught_up${these})`, legend: '{{agent}}' }],
    }),
    stat({
      title: 'Version',
      description: 'Versions that run now. Two at a time: an upgrade is under way.',
      unit: 'string',
      width: 6,
      height: 7,
      names: true,
      steps: good,
      queries: [{ expr: `count by (version) (assay_build_info${these})`, legend: '{{version}}' }],
    }),
    lines({
      title: 'Heartbeat age',
      description: 'Time since the agent was last heard on the results topic, as the reporter heard it. It beats every 5 s.',
      unit: 's',
      width: 24,
      height: 7,
      min: 0,
      steps: below(HEARTBEAT_SECONDS, 2 * HEARTBEAT_SECONDS),
      queries: [{ expr: sinceTimestamp('assay_agent_heartbeat_timestamp_seconds', 'agent'), legend: '{{agent}}' }],
    }),
  ]
}

function resourcePanels() {
  const of = (metric: string) => `max by (agent) (${metric}${these})`
  return [
    lines({
      title: 'Resident memory',
      description: 'The limit is 300 MB for each agent. A slope over hours is a leak.',
      unit: 'decbytes',
      width: 8,
      min: 0,
      steps: below(AGENT_BYTES * 0.8, AGENT_BYTES),
      queries: [{ expr: of('process_resident_memory_bytes'), legend: '{{agent}}' }],
    }),
    lines({
      title: 'Processor',
      description: 'Share of one core. Near 1 the agent cannot keep up, and its lateness is its own.',
      unit: 'percentunit',
      width: 8,
      min: 0,
      steps: below(0.8, 1),
      queries: [{ expr: `sum by (agent) (rate(process_cpu_seconds_total${these}[$__rate_interval]))`, legend: '{{agent}}' }],
    }),
    lines({
      title: 'Event-loop delay p99',
      description: 'How long a callback waits for its turn. Above 0.1 s latencies measured by the agent are its own.',
      unit: 's',
      width: 8,
      min: 0,
      steps: below(0.1, 0.5),
      queries: [{ expr: of('nodejs_eventloop_lag_p99_seconds'), legend: '{{agent}}' }],
    }),
    lines({
      title: 'Garbage collection',
      description: 'Share of the time spent collecting, by agent.',
      unit: 'percentunit',
      width: 8,
      min: 0,
      steps: below(0.05, 0.2),
      queries: [{ expr: `sum by (agent) (rate(nodejs_gc_duration_seconds_sum${these}[$__rate_interval]))`, legend: '{{agent}}' }],
    }),
    lines({
      title: 'Heap in use',
      description: 'Of JavaScript alone. Resident memory above it is buffers, DuckDB and the heap not given back.',
      unit: 'decbytes',
      width: 8,
      min: 0,
      queries: [{ expr: of('nodejs_heap_size_used_bytes'), legend: '{{agent}}' }],
    }),
    lines({
      title: 'Open descriptors',
      description: 'Files and connections. A slope is a leak of connections.',
      unit: 'short',
      width: 8,
      min: 0,
      queries: [{ expr: of('process_open_fds'), legend: '{{agent}}' }],
    }),
    lines({
      title: 'Network',
      description:
        'Bytes a second in the network of each agent, loopback apart. In a container that is the agent alone; elsewhere each shows the whole machine.',
      unit: 'Bps',
      width: 24,
      min: 0,
      queries: ['received', 'sent'].map((way) => ({
        expr: `sum by (agent) (rate(assay_agent_namespace_${way}_bytes_total${these}[$__rate_interval]))`,
        legend: `{{agent}} ${way}`,
      })),
    }),
  ]
}

function busPanels() {
  const of = (metric: string) => `max by (agent) (${metric}${these})`
  return [
    lines({
      title: 'Outbox',
      description: 'Facts said and not yet on the results topic. It fills while the cluster is away, and drains after.',
      unit: 'short',
      width: 8,
      min: 0,
      queries: [{ expr: of('assay_bus_outbox_facts'), legend: '{{agent}}' }],
    }),
    lines({
      title: 'Facts lost or unreadable, effects failed',
      description:
        'Refused: the outbox was full or the cluster said no. Unreadable: written by something else. Both make runs inconclusive. A failed effect is a bug in Assay.',
      unit: 'short',
      width: 8,
      min: 0,
      steps: none,
      queries: [
        { expr: of('assay_bus_facts_refused_total'), legend: '{{agent}} refused' },
        { expr: of('assay_bus_unreadable_facts_total'), legend: '{{agent}} unreadable' },
        { expr: of('assay_agent_effects_failed_total'), legend: '{{agent}} effects failed' },
      ],
    }),
    lines({
      title: 'Facts on the results topic, by kind',
      description: 'As the reporter folds them. Facts grow with trouble, not with traffic.',
      unit: 'ops',
      width: 8,
      min: 0,
      stacked: true,
      queries: [{ expr: 'sum by (kind) (rate(assay_reporter_facts_total[$__rate_interval]))', legend: '{{kind}}' }],
    }),
  ]
}

function watchedPanels() {
  return [
    states({
      title: 'Lives',
      description: 'Whether the watched process or container is there, as the chaos-injector sees it.',
      unit: 'none',
      width: 8,
      words: upWords,
      queries: [{ expr: 'max by (target) (assay_watched_up)', legend: '{{target}}' }],
    }),
    lines({
      title: 'Processor of the watched',
      description: 'Cores in use, of each process or container that the topology names as a target.',
      unit: 'short',
      width: 8,
      min: 0,
      queries: [{ expr: 'sum by (target) (rate(assay_watched_cpu_seconds_total[$__rate_interval]))', legend: '{{target}}' }],
    }),
    lines({
      title: 'Memory of the watched',
      description: 'Resident memory of a process; of a container, its memory without inactive pages of files.',
      unit: 'decbytes',
      width: 8,
      min: 0,
      queries: [{ expr: 'max by (target) (assay_watched_resident_bytes)', legend: '{{target}}' }],
    }),
    lines({
      title: 'Network of the watched',
      description:
        'Bytes a second in the network of each target, loopback apart. Of a container that is its own; of a process mostly the whole machine.',
      unit: 'Bps',
      width: 12,
      min: 0,
      queries: ['receive', 'transmit'].map((way) => ({
        expr: `sum by (target) (rate(assay_watched_network_${way}_bytes_total[$__rate_interval]))`,
        legend: `{{target}} ${way}`,
      })),
    }),
    lines({
      title: 'Descriptors of the watched',
      description: 'Open files and connections of each target that is a process. Those of containers are not known.',
      unit: 'short',
      width: 12,
      min: 0,
      queries: [{ expr: 'max by (target) (assay_watched_open_descriptors)', legend: '{{target}}' }],
    }),
  ]
}

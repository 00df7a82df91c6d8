import type { Story } from './stories.ts'

const critical = 'severity="critical"'
const warning = 'severity="warning"'

const verdictStories: readonly Story[] = [
  {
    title: 'inconclusive for long fires, among others it does not',
    alert: 'AssayInconclusive',
    every: '1m',
    series: {
      'assay_runs_total{verdict="inconclusive"}': '0+1x60',
      'assay_runs_total{verdict="pass"}': '5x30 6+1x30',
      'assay_runs_total{verdict="fail"}': '0x60',
    },
    at: { '4m': [], '15m': [warning], '40m': [] },
  },
  {
    title: 'a single verdict in between does not end it at once',
    alert: 'AssayInconclusive',
    every: '1m',
    series: {
      'assay_runs_total{verdict="inconclusive"}': '0+1x60',
      'assay_runs_total{verdict="pass"}': '5x29 6x40',
      'assay_runs_total{verdict="fail"}': '0x69',
    },
    at: { '25m': [warning], '33m': [warning], '40m': [] },
  },
  {
    title: 'a series that stops is missed after a quarter of an hour',
    alert: 'AssayNoVerdict',
    every: '1m',
    series: { 'assay_runs_total{verdict="pass"}': '0+1x60 60x60' },
    at: { '60m': [], '70m': [], '80m': [warning] },
  },
  {
    title: 'one verdict after the silence ends it a few minutes later',
    alert: 'AssayNoVerdict',
    every: '1m',
    series: { 'assay_runs_total{verdict="pass"}': '0+1x60 60x20 61+1x30' },
    at: { '80m': [warning], '84m': [warning], '90m': [] },
  },
  {
    title: 'who runs now and then is left in peace',
    alert: 'AssayNoVerdict',
    every: '1m',
    series: { 'assay_runs_total{verdict="pass"}': '0x5 1x10 2x100' },
    at: { '80m': [] },
  },
  {
    title: 'a watcher that misses one of what is planted is blind for some minutes, one that misses none never',
    alert: 'AssayWatcherBlind',
    every: '15s',
    series: {
      'assay_watcher_blind_total{hop="topic:raw", defect="skipped"}': '0x8 1x60',
      'assay_watcher_blind_total{hop="topic:raw", defect="doubled"}': '0x68',
    },
    at: { '2m': [], '3m': [`${critical}, hop="topic:raw", defect="skipped"`], '12m': [] },
  },
  {
    title: 'a reporter that is there is not missed, one that stops is',
    alert: 'AssayReporterGone',
    every: '5s',
    series: { 'up{job="assay", agent="reporter"}': '1x12 0x30' },
    at: { '60s': [], '110s': [critical] },
  },
  {
    title: 'a reporter that answers once between two falls is still missed',
    alert: 'AssayReporterGone',
    every: '5s',
    series: { 'up{job="assay", agent="reporter"}': '0x8 1x2 0x4 1x20' },
    at: { '35s': [critical], '50s': [critical], '70s': [critical], '120s': [] },
  },
  {
    title: 'a reporter that nobody asks is missed too',
    alert: 'AssayReporterGone',
    every: '5s',
    series: { 'up{job="assay", agent="generator"}': '1x30' },
    at: { '20s': [], '60s': [critical] },
  },
  { title: 'fires always', alert: 'AssayWatchdog', every: '1m', series: {}, at: { '0s': ['severity="none"'], '1h': ['severity="none"'] } },
]

const agent = 'agent="generator"'
const injector = 'agent="chaos-injector"'

const agentStories: readonly Story[] = [
  {
    title: 'an agent that was never heard is not silent, one that stops is',
    alert: 'AssayAgentSilent',
    every: '5s',
    series: {
      [`assay_agent_heartbeat_timestamp_seconds{${agent}}`]: '0x40',
      'assay_agent_heartbeat_timestamp_seconds{agent="query-prober"}': '5+5x10 55x30',
    },
    at: { '50s': [], '3m': [`${warning}, agent="query-prober"`] },
  },
  {
    title: 'an agent that misses one scrape is not down',
    alert: 'AssayAgentDown',
    every: '5s',
    series: { [`up{job="assay", ${agent}}`]: '1x5 0x20', 'up{job="assay", agent="reporter"}': '1x5 0x2 1x18' },
    at: { '50s': [], '65s': [`${warning}, ${agent}`] },
  },
  {
    title: 'an agent of the stack that never came up is down',
    alert: 'AssayAgentDown',
    every: '5s',
    series: { [`up{job="assay", ${agent}}`]: '0x20' },
    at: { '25s': [], '40s': [`${warning}, ${agent}`] },
  },
  {
    title: 'an injector that is in no profile is not missed, however long',
    alert: 'AssayAgentDown',
    every: '5s',
    series: { [`up{job="assay", ${injector}}`]: '0x800', [`up{job="assay", ${agent}}`]: '1x800' },
    at: { '45s': [], '5m': [], '1h': [] },
  },
  {
    title: 'an injector that was there and is gone is down',
    alert: 'AssayAgentDown',
    every: '5s',
    series: { [`up{job="assay", ${injector}}`]: '0x10 1x10 0x700' },
    at: { '100s': [], '150s': [`${warning}, ${injector}`], '1h': [`${warning}, ${injector}`] },
  },
  {
    title: 'catching up takes a while, not two minutes',
    alert: 'AssayAgentBehind',
    every: '5s',
    series: { [`assay_agent_caught_up{${agent}}`]: '0x40', 'assay_agent_caught_up{agent="reporter"}': '0x10 1x30' },
    at: { '1m': [], '150s': [`${warning}, ${agent}`] },
  },
  {
    title: 'one that is behind again after a moment was never well',
    alert: 'AssayAgentBehind',
    every: '5s',
    series: { [`assay_agent_caught_up{${agent}}`]: '0x26 1x5 0x5 1x30' },
    at: { '130s': [`${warning}, ${agent}`], '150s': [`${warning}, ${agent}`], '190s': [`${warning}, ${agent}`], '5m': [] },
  },
  {
    title: '310 MB are too much, 290 are not',
    alert: 'AssayAgentMemory',
    every: '5s',
    series: {
      [`process_resident_memory_bytes{job="assay", ${agent}}`]: '3.1e8x40',
      'process_resident_memory_bytes{job="assay", agent="reporter"}': '2.9e8x40',
    },
    at: { '1m': [], '150s': [`${warning}, job="assay", ${agent}`] },
  },
  {
    title: 'an effect that fails is told for a quarter of an hour',
    alert: 'AssayEffectsFail',
    every: '5s',
    series: { [`assay_agent_effects_failed_total{${agent}}`]: '0x5 1x250' },
    at: { '25s': [], '30s': [`${warning}, ${agent}`], '15m': [`${warning}, ${agent}`], '17m': [] },
  },
]

const factStories: readonly Story[] = [
  {
    title: 'one lost fact is too many',
    alert: 'AssayFactsRefused',
    every: '5s',
    series: { [`assay_bus_facts_refused_total{${agent}}`]: '0x5 1x5 0x80' },
    at: { '25s': [], '30s': [`${critical}, ${agent}`], '3m': [`${critical}, ${agent}`], '7m': [] },
  },
  {
    title: 'facts may wait a little',
    alert: 'AssayFactsWait',
    every: '5s',
    series: { [`assay_bus_outbox_facts{${agent}}`]: '0x5 7x20 0x20', 'assay_bus_outbox_facts{agent="reporter"}': '0x5 7x8 0x32' },
    at: { '80s': [], '95s': [`${warning}, ${agent}`], '3m': [] },
  },
  {
    title: 'one that cannot be read is told',
    alert: 'AssayFactsUnreadable',
    every: '5s',
    series: { [`assay_bus_unreadable_facts_total{${agent}}`]: '0x5 1x5' },
    at: { '25s': [], '30s': [`${warning}, ${agent}`] },
  },
  {
    title: 'a restart, after which they are read again, makes it no second alert',
    alert: 'AssayFactsUnreadable',
    every: '5s',
    series: { [`assay_bus_unreadable_facts_total{${agent}}`]: '1x5 0x6 1x20 0x70' },
    at: { '25s': [`${warning}, ${agent}`], '50s': [`${warning}, ${agent}`], '100s': [`${warning}, ${agent}`], '9m': [] },
  },
]

export const watcherStories: readonly Story[] = [...verdictStories, ...agentStories, ...factStories]

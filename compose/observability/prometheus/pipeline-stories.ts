import type { Story } from './stories.ts'

const violations = (labels: string) => `assay_hop_violations_total{${labels}}`
const corrections = (labels: string) => `assay_hop_corrections_total{${labels}}`
const lost = 'hop="topic:raw", violation="lost"'
const late = 'hop="topic:raw", violation="late"'
const critical = 'severity="critical"'
const warning = 'severity="warning"'

const dataStories: readonly Story[] = [
  {
    title: 'a loss fires at once, goes on for two minutes after it, and ends',
    alert: 'AssayViolation',
    every: '5s',
    series: { [violations(lost)]: '0x11 20x60', [corrections(lost)]: '0x71' },
    at: { '55s': [], '60s': [`${critical}, ${lost}`], '4m': [`${critical}, ${lost}`], '345s': [] },
  },
  {
    title: 'what was taken back is no violation, whatever was before',
    alert: 'AssayViolation',
    every: '5s',
    series: { [violations(lost)]: '1000x11 1100x40', [corrections(lost)]: '0x11 100x40' },
    at: { '60s': [], '90s': [], '3m': [] },
  },
  {
    title: 'late is not lost',
    alert: 'AssayViolation',
    every: '5s',
    series: { [violations(late)]: '0x5 9x40', [corrections(late)]: '0x45' },
    at: { '60s': [] },
  },
  {
    title: 'late without a fault fires',
    alert: 'AssayDegraded',
    every: '5s',
    series: { [violations(late)]: '0x5 9x40', [corrections(late)]: '0x45', 'assay_fault_active{fault="pause"}': '0x45' },
    at: { '25s': [], '45s': [`${warning}, ${late}`] },
  },
  {
    title: 'late during and after a fault of our own is expected',
    alert: 'AssayDegraded',
    every: '5s',
    series: { [violations(late)]: '0x5 9x40', [corrections(late)]: '0x45', 'assay_fault_active{fault="pause"}': '0x2 1x3 0x40' },
    at: { '45s': [], '2m': [] },
  },
  {
    title: 'fires from a failed run to the next that passes',
    alert: 'AssayLastRunFailed',
    every: '5s',
    series: { 'assay_run_last_verdict{verdict="fail"}': '0x5 1x10 0x30', 'assay_run_last_verdict{verdict="pass"}': '1x5 0x10 1x30' },
    at: { '25s': [], '30s': [critical], '70s': [critical], '2m': [] },
  },
  {
    title: 'a reporter that restarts, and knows of no verdict for a moment, does not end it',
    alert: 'AssayLastRunFailed',
    every: '5s',
    series: { 'assay_run_last_verdict{verdict="fail"}': '1x5 0x2 1x5' },
    at: { '25s': [critical], '35s': [critical], '40s': [critical], '50s': [critical] },
  },
]

const judged = (hop: string, bad: number, minutes = 90) => ({
  [`assay_hop_canaries_expected_total{hop="${hop}"}`]: `0+10000x${minutes}`,
  [`assay_hop_canaries_bad_total{hop="${hop}"}`]: `0+${bad}x${minutes}`,
})

const sloStories: readonly Story[] = [
  {
    title: '1 % bad burns fast, 0.07 % does not',
    alert: 'AssayFidelityBurnsFast',
    every: '1m',
    series: { ...judged('bad', 100), ...judged('worse than asked', 7), ...judged('good', 0) },
    at: { '80m': [`${critical}, hop="bad"`] },
  },
  {
    title: 'what was bad an hour ago and is good now burns no more',
    alert: 'AssayFidelityBurnsFast',
    every: '1m',
    series: {
      'assay_hop_canaries_expected_total{hop="bad"}': '0+10000x90',
      'assay_hop_canaries_bad_total{hop="bad"}': '0+100x30 3000x60',
    },
    at: { '30m': [`${critical}, hop="bad"`], '50m': [] },
  },
  {
    title: '0.07 % bad burns slowly, 0.05 % does not',
    alert: 'AssayFidelityBurnsSlowly',
    every: '1m',
    series: { ...judged('bad', 7), ...judged('almost', 5) },
    at: { '60m': [`${warning}, hop="bad"`] },
  },
  {
    title: '0.02 % bad erodes, 0.005 % does not',
    alert: 'AssayFidelityErodes',
    every: '1m',
    series: {
      ...judged('bad', 2),
      'assay_hop_canaries_expected_total{hop="good"}': '0+20000x90',
      'assay_hop_canaries_bad_total{hop="good"}': '0+1x90',
    },
    at: { '60m': [`${warning}, hop="bad"`] },
  },
]

const bucket = (hop: string, le: string) => `assay_prober_latency_seconds_bucket{hop="${hop}", le="${le}"}`
const acknowledged = 'assay_generator_canaries_total{agent="generator", outcome="acknowledged"}'
const asked = 'assay_load_asked_canaries_per_second{agent="reporter"}'

const latencyStories: readonly Story[] = [
  {
    title: 'one slow answer in two for two minutes, against the limit of each endpoint',
    alert: 'AssayAnswersSlow',
    every: '15s',
    series: {
      [bucket('api:trade', '0.05')]: '0+10x40',
      [bucket('api:trade', '0.1')]: '0+20x40',
      [bucket('api:trade', '+Inf')]: '0+20x40',
      [bucket('api:stats', '0.05')]: '0+10x40',
      [bucket('api:stats', '0.1')]: '0+20x40',
      [bucket('api:stats', '+Inf')]: '0+20x40',
      'assay_hop_answer_within_seconds{hop="api:trade"}': '0.05x40',
      'assay_hop_answer_within_seconds{hop="api:stats"}': '0.1x40',
    },
    at: { '1m': [], '8m': [`${warning}, hop="api:trade"`] },
  },
  {
    title: 'one in ten refused fires, one in a hundred does not',
    alert: 'AssayAnswersRefused',
    every: '5s',
    series: {
      'assay_prober_answers_total{hop="api:trade", outcome="refused"}': '0+1x40',
      'assay_prober_answers_total{hop="api:trade", outcome="right"}': '0+9x40',
      'assay_prober_answers_total{hop="api:stats", outcome="refused"}': '0+1x40',
      'assay_prober_answers_total{hop="api:stats", outcome="right"}': '0+99x40',
    },
    at: { '20s': [], '2m': [`${warning}, hop="api:trade"`] },
  },
  {
    title: 'each hop is stale by its own limit',
    alert: 'AssayStale',
    every: '5s',
    series: {
      'assay_hop_freshness_seconds{hop="topic:raw"}': '0x5 11x10 3x30',
      'assay_hop_freshness_seconds{hop="table:trades"}': '0x5 11x10 3x30',
      'assay_hop_deliver_within_seconds{hop="topic:raw"}': '5x45',
      'assay_hop_deliver_within_seconds{hop="table:trades"}': '20x45',
    },
    at: { '40s': [], '55s': [`${warning}, hop="topic:raw"`], '3m': [] },
  },
  {
    title: 'a hop behind a fault of our own may be stale',
    alert: 'AssayStale',
    every: '5s',
    series: {
      'assay_hop_freshness_seconds{hop="topic:raw"}': '0x5 11x10 3x30',
      'assay_hop_deliver_within_seconds{hop="topic:raw"}': '5x45',
      'assay_fault_active{fault="pause"}': '0x4 1x6 0x35',
    },
    at: { '55s': [] },
  },
  {
    title: 'half of what is asked fires',
    alert: 'AssayThroughputLow',
    every: '5s',
    series: { [acknowledged]: '0+25000x40', [asked]: '10000x40' },
    at: { '150s': [warning] },
  },
  {
    title: 'all of what is asked does not where two reporters tell what that is',
    alert: 'AssayThroughputLow',
    every: '5s',
    series: { [acknowledged]: '0+50000x60', [asked]: '10000x60', [asked.replace('reporter', 'reporter",instance="second')]: '10000x60' },
    at: { '150s': [], '4m': [] },
  },
  {
    title: 'all of what is asked does not, nor does the beginning of a run',
    alert: 'AssayThroughputLow',
    every: '5s',
    series: { [acknowledged]: '0x20 0+50000x60', [asked]: '0x20 10000x60' },
    at: { '90s': [], '120s': [], '150s': [], '4m': [] },
  },
  {
    title: 'a run that is under way when the first scrape is made does not either',
    alert: 'AssayThroughputLow',
    every: '5s',
    series: { [acknowledged]: '_x4 100000+50000x60', [asked]: '_x4 10000x60' },
    at: { '60s': [], '75s': [], '90s': [], '150s': [] },
  },
]

const chaosStories: readonly Story[] = [
  {
    title: 'a fault may stand for minutes, not for five',
    alert: 'AssayFaultStands',
    every: '5s',
    series: { 'assay_fault_active{fault="pause"}': '0x5 1x70 0x30' },
    at: { '5m': [], '345s': [`${critical}, fault="pause"`], '400s': [`${critical}, fault="pause"`], '460s': [] },
  },
  {
    title: 'one that goes and comes back within the minute is one alert',
    alert: 'AssayFaultStands',
    every: '5s',
    series: { 'assay_fault_active{fault="pause"}': '1x70 0x5 1x10' },
    at: { '345s': [`${critical}, fault="pause"`], '380s': [`${critical}, fault="pause"`], '420s': [`${critical}, fault="pause"`] },
  },
  {
    title: 'a target may restart, not be gone',
    alert: 'AssayWatchedDown',
    every: '5s',
    series: { 'assay_watched_up{target="sink"}': '1x5 0x20', 'assay_watched_up{target="other"}': '1x5 0x5 1x15' },
    at: { '1m': [], '100s': [`${warning}, target="sink"`] },
  },
  {
    title: 'a target that crashes again and again is one alert, and ends a minute after it stays',
    alert: 'AssayWatchedDown',
    every: '5s',
    series: { 'assay_watched_up{target="sink"}': '0x15 1x5 0x5 1x30' },
    at: {
      '70s': [`${warning}, target="sink"`],
      '100s': [`${warning}, target="sink"`],
      '130s': [`${warning}, target="sink"`],
      '4m': [],
    },
  },
]

export const pipelineStories: readonly Story[] = [...dataStories, ...sloStories, ...latencyStories, ...chaosStories]

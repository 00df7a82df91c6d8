import type { Board } from '../board.ts'
import { RECOVERY_SECONDS } from '../limits.ts'
import { annotationList, below, lines, none, stat, states } from '../panels.ts'
import { hopQuantile } from '../promql.ts'
import { faultWords, upWords } from '../words.ts'

export const faults: Board = {
  uid: 'assay-faults',
  title: 'Assay · Faults',
  description: 'Disturbances put into the pipeline on purpose: when they stood, what they did, and whether the pipeline came back.',
  from: 'now-1h',
  rows: [
    { title: 'Now', panels: nowPanels() },
    { title: 'Windows', panels: windowPanels() },
    { title: 'What they did to the pipeline', panels: effectPanels() },
  ],
}

function nowPanels() {
  return [
    stat({
      title: 'Active',
      description: 'Faults that stand now. Each ends with its lease, whatever happens to its injector.',
      unit: 'short',
      width: 6,
      steps: below(1, 2),
      queries: [{ expr: 'sum(assay_fault_active)', legend: 'active' }],
    }),
    stat({
      title: 'Injected in view',
      description: 'By kind, in the time shown.',
      unit: 'short',
      width: 6,
      decimals: 0,
      names: true,
      queries: [{ expr: 'sum by (fault) (increase(assay_faults_injected_total[$__range]))', legend: '{{fault}}' }],
    }),
    stat({
      title: 'Recovery, last fault',
      description: 'From healed to caught up at every hop.',
      unit: 's',
      width: 6,
      decimals: 1,
      steps: below(RECOVERY_SECONDS / 2, RECOVERY_SECONDS),
      queries: [{ expr: 'max(assay_fault_recovery_seconds)', legend: 'recovery' }],
    }),
    stat({
      title: 'Not recovered in view',
      description: 'Findings that the pipeline did not come back in the time that the plan allows.',
      unit: 'short',
      width: 6,
      decimals: 0,
      steps: none,
      queries: [{ expr: 'sum(increase(assay_hop_violations_total{violation="not-recovered"}[$__range]))', legend: 'findings' }],
    }),
  ]
}

function windowPanels() {
  return [
    states({
      title: 'Fault windows',
      description: 'From injection to heal, by kind. A window that reaches the right edge still stands.',
      unit: 'none',
      width: 16,
      height: 6,
      words: faultWords,
      queries: [{ expr: 'max by (fault) (assay_fault_active)', legend: '{{fault}}' }],
    }),
    annotationList({
      title: 'As told by the reporter',
      description:
        'Injections, windows and recoveries with their target, posted when they are told. Windows shade the graphs of every dashboard.',
      width: 8,
      height: 6,
      tags: ['assay', 'fault'],
    }),
    states({
      title: 'Targets that are watched',
      description:
        'Whether the targets of faults live, as the chaos-injector sees them. Down outside a fault window is trouble of its own.',
      unit: 'none',
      width: 16,
      height: 6,
      words: upWords,
      queries: [{ expr: 'max by (target) (assay_watched_up)', legend: '{{target}}' }],
    }),
    lines({
      title: 'Recovery over time',
      description: 'From healed to caught up, of the fault before. A slope is a regression.',
      unit: 's',
      width: 8,
      height: 6,
      min: 0,
      steps: below(RECOVERY_SECONDS / 2, RECOVERY_SECONDS),
      queries: [{ expr: 'max(assay_fault_recovery_seconds)', legend: 'recovery' }],
    }),
  ]
}

function effectPanels() {
  return [
    lines({
      title: 'Freshness per hop',
      description: 'The hop that stands still in a window is the one that the fault hit; those behind it follow.',
      unit: 's',
      width: 8,
      min: 0,
      queries: [{ expr: 'max by (hop) (assay_hop_freshness_seconds)', legend: '{{hop}}' }],
    }),
    lines({
      title: 'Latency p95 per hop',
      description: 'Lateness from injection to recovery is expected, and shown without counting.',
      unit: 's',
      width: 8,
      min: 0,
      log: true,
      queries: [{ expr: hopQuantile(0.95), legend: '{{hop}}', exemplars: true }],
    }),
    lines({
      title: 'Violations',
      description: 'Loss, doubling or change in a window is never expected.',
      unit: 'short',
      width: 8,
      min: 0,
      stacked: true,
      queries: [
        {
          expr: 'sum by (hop, violation) (increase(assay_hop_violations_total[$__rate_interval])) > 0',
          legend: '{{violation}} at {{hop}}',
        },
      ],
    }),
  ]
}

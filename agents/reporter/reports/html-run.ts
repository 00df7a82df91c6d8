import { LatencySketch } from '../../../shared/core/latency-sketch.ts'
import { shareText } from '../../../shared/core/share-text.ts'
import { agentOfTask } from '../../../topology/plan.ts'
import { hopName, SOURCE_HOP } from '../../../topology/topology.ts'
import { countText, msText, plural, sinceText } from './figures.ts'
import { momentText } from '../../../shared/core/moment-text.ts'
import { codeOf, factsOf, folded, listOf, tableOf } from './html-parts.ts'
import { latencyChart, type LatencyPicture } from './latency-chart.ts'
import { machineText } from './machine.ts'
import { markup, type Content, type Markup } from './markup.ts'
import { notChecked } from './not-checked.ts'
import type { ReportSource } from './report-source.ts'
import { timeLine } from './time-line.ts'

const LINES_MAX = 100
const SNAPSHOTS_SHOWN_MAX = 200

/** The figures of the drawing once more, to read and to copy. */
export function hopsTable({ judgement }: ReportSource): Markup {
  const columns = [
    { name: 'hop', is: 'wide' as const },
    { name: 'found', is: 'wide' as const },
    ...['expected', 'seen', 'fidelity', 'p50', 'p95', 'p99', 'max'].map((name) => ({ name, is: 'num' as const })),
  ]
  const rows = judgement.hops.map(({ hop, expected, sighted, violations, fidelity, p50Ms, p95Ms, p99Ms, maxMs }) => [
    hop,
    violations.map(({ violation, count }) => `${countText(count)} ${violation}`).join(', ') || '–',
    countText(expected),
    countText(sighted),
    shareText(fidelity),
    ...[p50Ms, p95Ms, p99Ms, maxMs].map(msText),
  ])
  return folded('The same as a table', tableOf('Hops', columns, rows))
}

export function timesSection(source: ReportSource): Content {
  const line = timeLine(source)
  const pictures = latencyPictures(source).flatMap((picture) => {
    const chart = latencyChart(picture)
    const late = picture.lateAfterMs === null ? null : `, late after ${msText(picture.lateAfterMs)}`
    return chart === null
      ? []
      : [markup`<figure><figcaption>${picture.hop}: ${countText(picture.sketch.count)} latencies${late}</figcaption>${chart}</figure>\n`]
  })
  if (line === null && pictures.length === 0) return null
  const over =
    line === null
      ? null
      : markup`<figure class="over"><figcaption>Canaries told by each hop, over seconds since the request</figcaption>${line.chart}${line.legend}</figure>\n`
  return markup`<section aria-labelledby="times"><h2 id="times">Times</h2>
${over}<p class="soft">Latencies count from the intended send time, those of endpoints from the intended time of the question; each within 2 %. The scale is logarithmic.</p>
<div class="charts">${pictures}</div></section>
`
}

function latencyPictures({ run, evidence }: ReportSource): LatencyPicture[] {
  const { hops } = run.resolved
  return [
    { hop: SOURCE_HOP, sketch: evidence.produceLatency, lateAfterMs: null },
    ...hops.map((hop) => ({
      hop: hopName(hop),
      sketch:
        (hop.kind === 'api' ? evidence.probes.get(hopName(hop))?.latency : evidence.hops.get(hopName(hop))?.latency) ?? new LatencySketch(),
      lateAfterMs: hop.kind === 'api' ? null : hop.deliverWithinMs,
    })),
  ]
}

export function faultsSection({ run, evidence, judgement }: ReportSource): Content {
  if (evidence.faults.length === 0) return null
  const sinceMs = run.accepted.requestedAtMs
  const recovered = judgement.recoveries.map(({ fault, target, recoveryMs }) =>
    recoveryMs === null
      ? `${fault} of ${target}: not recovered`
      : `${fault} of ${target}: recovered ${msText(recoveryMs)} after it was healed`,
  )
  const rows = evidence.faults.map(({ fault, target, phase, atMs, leaseUntilMs, detail }) => [
    sinceText(atMs - sinceMs),
    `${fault} of ${target}`,
    phase,
    sinceText(leaseUntilMs - sinceMs),
    detail || '–',
  ])
  const columns = [
    { name: 'at', is: 'num' as const },
    { name: 'fault' },
    { name: 'step' },
    { name: 'lease until', is: 'num' as const },
    { name: 'detail', is: 'wide' as const },
  ]
  return markup`<section aria-labelledby="faults"><h2 id="faults">Faults and recoveries</h2>
${listOf(recovered)}${tableOf('Steps of the faults', columns, rows)}</section>
`
}

export function notCheckedSection(source: ReportSource): Markup {
  const notes = notChecked(source)
  const shown = notes.slice(0, LINES_MAX)
  const more = notes.length > shown.length ? [`and ${countText(notes.length - shown.length)} more, in the JSON report`] : []
  return markup`<section aria-labelledby="unchecked"><h2 id="unchecked">What was not checked</h2>
${notes.length === 0 ? markup`<p>Nothing was left out.</p>\n` : listOf([...shown, ...more])}</section>
`
}

export function environmentSection(source: ReportSource): Markup {
  const { run, environment } = source
  const { accepted, resolved } = run
  const { load, budgets } = resolved.plan
  return markup`<section aria-labelledby="environment"><h2 id="environment">Run and environment</h2>
${factsOf([
  ['asked for by', accepted.requestedBy],
  [
    'plan',
    `${accepted.planName}: ${plural(load.canaries, 'canary', 'canaries')} at ${countText(load.ratePerSecond)} a second in ${plural(load.streams, 'stream')}`,
  ],
  [
    'budgets',
    `fidelity ${shareText(budgets.fidelity)}${budgets.apiP95Ms === null ? '' : `, p95 of endpoints ${msText(budgets.apiP95Ms)}`}`,
  ],
  ['topology', resolved.topology],
  ['seed', String(resolved.seed)],
  ['control offset', String(accepted.controlOffset)],
  ...(accepted.window === null ? [] : [['window', `${accepted.window.index} of series ${accepted.window.series}`] as const]),
  ['pipeline’s Kafka', codeOf(environment.pipelineKafka)],
  ...(environment.pipelineVersions == null ? [] : [['pipeline’s servers', environment.pipelineVersions] as const]),
  ['Assay', `${environment.assayVersion} on ${environment.host}`],
  ...(environment.machine === undefined ? [] : [['reporter’s machine', machineText(environment.machine)] as const]),
])}${stagesPart(source)}${snapshotsPart(source)}${folded('The plan as it was resolved', markup`<pre>${JSON.stringify(resolved.plan, null, 2)}</pre>`)}</section>
`
}

function stagesPart({ run }: ReportSource): Markup {
  const sinceMs = run.accepted.requestedAtMs
  const rows = run.resolved.plan.stages.map(({ stage, task }) => {
    const { started = null, ended = null } = run.stages.get(stage) ?? {}
    return [
      stage,
      agentOfTask[task],
      started === null ? '–' : sinceText(started.atMs - sinceMs),
      ended === null ? '–' : sinceText(ended.atMs - sinceMs),
      ended === null
        ? started === null
          ? 'did not start'
          : 'did not end'
        : [ended.outcome, ended.reason].filter((text) => text !== '').join(': '),
    ]
  })
  const columns = [
    { name: 'stage' },
    { name: 'agent' },
    { name: 'started', is: 'num' as const },
    { name: 'ended', is: 'num' as const },
    { name: 'outcome', is: 'wide' as const },
  ]
  return folded(`Stages: ${rows.length}`, tableOf('Stages', columns, rows))
}

function snapshotsPart({ evidence }: ReportSource): Content {
  const shown = evidence.snapshots.slice(-SNAPSHOTS_SHOWN_MAX)
  if (shown.length === 0) return null
  const rows = shown.map(({ hop, snapshotId, committedAtMs, operation, filesAdded, rowsAdded, bytesAdded }) => [
    codeOf(snapshotId),
    hop,
    momentText(committedAtMs),
    operation,
    ...[filesAdded, rowsAdded, bytesAdded].map(countText),
  ])
  const columns = [
    ...[{ name: 'snapshot' }, { name: 'hop' }, { name: 'committed' }, { name: 'operation' }],
    ...['files', 'rows', 'bytes'].map((name) => ({ name, is: 'num' as const })),
  ]
  const all = evidence.snapshots.length
  const summary = shown.length < all ? `Snapshots: the latest ${shown.length} of ${countText(all)}` : `Snapshots reconciled: ${all}`
  return folded(summary, tableOf('Snapshots', columns, rows))
}

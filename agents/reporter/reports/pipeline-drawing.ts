import type { HopSummary } from '../../../schemas/results/run-judged.ts'
import { hopName } from '../../../topology/topology.ts'
import { countText, msText } from './figures.ts'
import { markup, type Markup } from './markup.ts'
import { causesIn, type ReportSource } from './report-source.ts'

interface Box {
  readonly kind: string
  readonly name: string
  readonly state: 'ok' | 'bad' | 'doubt' | 'off'
  readonly count: string
  readonly found: string
  readonly time: string
}

/** The hops in the order a record passes them; endpoints stand beside each other behind the last that stores. */
export function boxesOf(source: ReportSource): Box[] {
  const { run, judgement } = source
  const summaries = new Map(judgement.hops.map((summary) => [summary.hop, summary]))
  const [first, ...rest] = judgement.hops
  const unwatched = run.resolved.hops.map(hopName).filter((hop) => !rest.some((summary) => summary.hop === hop))
  const order = [first?.hop ?? 'source', ...run.resolved.hops.map(hopName)]
  return order.map((hop) => {
    const summary = summaries.get(hop)
    return summary === undefined || unwatched.includes(hop) ? offBox(hop) : boxOf(source, summary)
  })
}

function boxOf(source: ReportSource, { hop, expected, sighted, violations, p95Ms }: HopSummary): Box {
  const missing = source.evidence.missing.some((fact) => fact.hop === hop)
  const counted = causesIn(source).some((cause) => cause.hop === hop && cause.counts)
  const nothing = expected > 0 && sighted === 0
  const isSample = hop.startsWith('api:') && sighted < expected
  const others = violations
    .filter(({ violation }) => violation !== 'late')
    .map(({ violation, count }) => `${countText(count)} ${violation}`)
  const late = violations.find(({ violation }) => violation === 'late')?.count ?? 0
  const { kind, name } = namesOf(hop)
  return {
    kind,
    name,
    state: counted ? 'bad' : missing || nothing ? 'doubt' : 'ok',
    count: isSample && !nothing ? `${countText(sighted)} asked for` : `${countText(sighted)} of ${countText(expected)}`,
    found:
      others.join(', ') || (nothing ? 'nothing seen' : missing ? 'evidence is missing' : hop === 'source' ? 'acknowledged' : 'all whole'),
    time: `p95 ${msText(p95Ms)}${hop === 'source' || kind === 'api' ? '' : `, ${countText(late)} late`}`,
  }
}

const offBox = (hop: string): Box => ({ ...namesOf(hop), state: 'off', count: '–', found: 'not watched', time: '' })

function namesOf(hop: string): { kind: string; name: string } {
  const at = hop.indexOf(':')
  return at < 0 ? { kind: 'source', name: 'generator' } : { kind: hop.slice(0, at), name: hop.slice(at + 1) }
}

const BOX = { width: 184, height: 104, gapX: 44, gapY: 26 }

/** Drawn twice: across for wide pages, down for narrow ones; the style sheet shows one. */
export function pipelineDrawing(source: ReportSource): Markup {
  const boxes = boxesOf(source)
  const said = boxes.map(({ kind, name, count, found, time }) => `${kind} ${name}: ${count}, ${found}, ${time}`).join('; ')
  const label = `The pipeline, hop by hop. ${said}`
  return markup`<div class="drawing">${across(boxes, label)}${down(boxes, label)}</div>`
}

function across(boxes: readonly Box[], label: string): Markup {
  const chain = boxes.filter(({ kind }) => kind !== 'api')
  const ends = boxes.filter(({ kind }) => kind === 'api')
  const columns = chain.length + (ends.length > 0 ? 1 : 0)
  const rows = Math.max(1, ends.length)
  const width = columns * BOX.width + (columns - 1) * BOX.gapX + 4
  const height = rows * BOX.height + (rows - 1) * BOX.gapY + 4
  const middle = 2 + (height - 4 - BOX.height) / 2
  const xOf = (column: number) => 2 + column * (BOX.width + BOX.gapX)
  const yOf = (row: number) => (ends.length === 0 ? middle : 2 + row * (BOX.height + BOX.gapY))
  const parts = [
    ...chain.map((box, i) => boxAt(box, [xOf(i), middle])),
    ...ends.map((box, i) => boxAt(box, [xOf(chain.length), yOf(i)])),
    ...chain.slice(1).map((_, i) => arrow([xOf(i) + BOX.width, middle + BOX.height / 2], [xOf(i + 1), middle + BOX.height / 2])),
    ...ends.map((_, i) =>
      arrow([xOf(chain.length - 1) + BOX.width, middle + BOX.height / 2], [xOf(chain.length), yOf(i) + BOX.height / 2]),
    ),
  ]
  return markup`<svg class="wide" viewBox="0 0 ${width} ${height}" role="img" aria-label="${label}">${parts}</svg>`
}

function down(boxes: readonly Box[], label: string): Markup {
  const width = 320
  const step = BOX.height + BOX.gapY
  const height = boxes.length * step - BOX.gapY + 4
  const lastStoring = boxes.findLastIndex(({ kind }) => kind !== 'api')
  const parts = [
    ...boxes.map((box, i) => boxAt(box, [2, 2 + i * step], width - 4)),
    ...boxes.slice(1, lastStoring + 2).map((_, i) => arrow([width / 2, 2 + i * step + BOX.height], [width / 2, 2 + (i + 1) * step])),
  ]
  return markup`<svg class="tall" viewBox="0 0 ${width} ${height}" role="img" aria-label="${label}">${parts}</svg>`
}

function boxAt({ kind, name, state, count, found, time }: Box, [x, y]: Point, width: number = BOX.width): Markup {
  const fits = Math.floor((width - 24) / 7.2)
  const row = (className: string, dy: number, text: string) =>
    markup`<text class="${className}" x="${x + 12}" y="${y + dy}">${clipped(text, fits)}</text>`
  return markup`<g class="${state}"><rect x="${x}" y="${y}" width="${width}" height="${BOX.height}" rx="7"/>${[
    row('kind', 20, kind),
    row('name', 38, name),
    row('count', 57, count),
    row('found', 76, found),
    row('time', 94, time),
  ]}</g>`
}

const clipped = (text: string, length: number) => (text.length > length ? `${text.slice(0, length - 1)}…` : text)

type Point = readonly [number, number]

/** With one bend where it has to change its height, and a head of 8 units. */
function arrow([x1, y1]: Point, [x2, y2]: Point): Markup {
  const isDown = x1 === x2
  const half = x1 + (x2 - x1) / 2
  const line = isDown || y1 === y2 ? `M${x1} ${y1}L${x2} ${y2}` : `M${x1} ${y1}H${half}V${y2}H${x2}`
  const head = isDown ? `M${x2 - 5} ${y2 - 8}L${x2} ${y2}L${x2 + 5} ${y2 - 8}z` : `M${x2 - 8} ${y2 - 5}L${x2} ${y2}L${x2 - 8} ${y2 + 5}z`
  return markup`<path d="${line}"/><path class="head" d="${head}"/>`
}

import { isAudited, isTimed } from '../../../shared/core/audit-findings.ts'
import { momentText } from '../../../shared/core/moment-text.ts'
import type { RunState } from '../../../shared/core/run-book.ts'
import { shareText } from '../../../shared/core/share-text.ts'
import { hopName } from '../../../topology/topology.ts'
import type { Cause } from './causes.ts'
import { countText, plural } from './figures.ts'
import type { Stretch } from './stretches.ts'

/** `1,000 canaries lost at table:market.trades` */
export function causeTitle({ kind, hop, field, difference, rule, canaries, samples }: Cause): string {
  const about = [field, difference === 'value' ? null : difference, rule].filter((word) => word !== null).join(', ')
  const [one, many] = samples.some(({ violation }) => isTimed(violation))
    ? ['window of event time with records', 'windows of event time with records']
    : samples.some(({ violation }) => isAudited(violation))
      ? ['record', 'records']
      : ['canary', 'canaries']
  const what = plural(canaries, one, many)
  return `${what} ${kind}${about === '' ? '' : ` (${about})`} at ${hop}`
}

/** Where they lie and what that means, in a sentence of phrases: `offsets 52,000–52,999 of partition 3; …`. */
export function causeSentence(run: RunState, cause: Cause): string {
  const phrases = [placesText(cause), whatText(run, cause)]
  if (cause.ofCanaries > 0) phrases.push(`${shareText(cause.canaries / cause.ofCanaries)} of those expected there`)
  if (cause.faults.length > 0)
    phrases.push(`found while ${cause.faults.join(', ')} was in force${cause.counts ? '' : ', which explains it: not counted'}`)
  const text = phrases.filter((phrase) => phrase !== '').join('; ')
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`
}

function placesText({ shape, stretches, stretchesInAll, partitions }: Cause): string {
  const [longest] = stretches
  if (longest === undefined) return ''
  if (stretchesInAll === 1) return stretchText(longest)
  if (shape === 'stretches') return `${countText(stretchesInAll)} unbroken stretches, the longest ${stretchText(longest)}`
  const where = partitions.length === 0 ? '' : `, in partition${partitions.length === 1 ? '' : 's'} ${partitions.join(', ')}`
  return `here and there, in ${countText(stretchesInAll)} places${where}`
}

/** `offsets 52,000–52,999 of partition 3` */
export function stretchText({ line, first, last }: Stretch): string {
  if (line.in === 'time') return `event time from ${momentText(first * 1_000)}${first === last ? '' : ` to ${momentText(last * 1_000)}`}`
  const [one, many] = line.in === 'partition' ? ['offset', 'offsets'] : ['seq', 'seqs']
  const span = first === last ? `${one} ${countText(first)}` : `${many} ${countText(first)}–${countText(last)}`
  return `${span} of ${line.in} ${line.number}`
}

/** A lost one is told by the two hops between which it went; others by what was found. */
function whatText(run: RunState, { kind, hop, expected, actual, alike, samples }: Cause): string {
  if (kind !== 'lost' || samples.some(({ violation }) => isTimed(violation)))
    return `${alike ? '' : 'the first: '}expected ${clipped(expected)}, found ${clipped(actual)}`
  const hops = run.resolved.hops
  const at = hops.findIndex((candidate) => hopName(candidate) === hop)
  const before = hops[at - 1]
  const there = before === undefined ? 'acknowledged at the source' : `in ${before.kind} ${hopName(before).slice(before.kind.length + 1)}`
  return hops[at]?.kind === 'table' ? `${there}, in no snapshot` : `${there}, not in ${hop.replace(':', ' ')}`
}

const TEXT_MAX = 100
const clipped = (text: string) => (text.length > TEXT_MAX ? `${text.slice(0, TEXT_MAX)}…` : text)

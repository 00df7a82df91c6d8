import { isAudited } from '../../../shared/core/audit-findings.ts'
import type { RunState } from '../../../shared/core/run-book.ts'
import { hopName } from '../../../topology/topology.ts'
import type { Cause } from './causes.ts'
import { countText, plural, shareText } from './figures.ts'
import type { Stretch } from './stretches.ts'

/** `1,000 canaries lost at table:market.trades` */
export function causeTitle({ kind, hop, field, canaries, samples }: Cause): string {
  const isOfAll = samples.some(({ violation }) => isAudited(violation))
  const what = isOfAll ? plural(canaries, 'record', 'records') : plural(canaries, 'canary', 'canaries')
  return `${what} ${kind}${field === null ? '' : ` (${field})`} at ${hop}`
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
  const [one, many] = line.in === 'partition' ? ['offset', 'offsets'] : ['seq', 'seqs']
  const span = first === last ? `${one} ${countText(first)}` : `${many} ${countText(first)}–${countText(last)}`
  return `${span} of ${line.in} ${line.number}`
}

/** A lost one is told by the two hops between which it went; others by what was found. */
function whatText(run: RunState, { kind, hop, expected, actual, alike }: Cause): string {
  if (kind !== 'lost') return `${alike ? '' : 'the first: '}expected ${clipped(expected)}, found ${clipped(actual)}`
  const hops = run.resolved.hops
  const at = hops.findIndex((candidate) => hopName(candidate) === hop)
  const before = hops[at - 1]
  const there = before === undefined ? 'acknowledged at the source' : `in ${before.kind} ${hopName(before).slice(before.kind.length + 1)}`
  return hops[at]?.kind === 'table' ? `${there}, in no snapshot` : `${there}, not in ${hop.replace(':', ' ')}`
}

const TEXT_MAX = 100
const clipped = (text: string) => (text.length > TEXT_MAX ? `${text.slice(0, TEXT_MAX)}…` : text)

/** What an accusation stands on: each was looked at twice before it was told. */
export function twoLooks(run: RunState, { kind, hop }: Cause): readonly [string, string] | null {
  const of = run.resolved.hops.find((candidate) => hopName(candidate) === hop)
  if (of === undefined) return null
  return (kind === 'lost' ? looksAtLoss : looksAtContent)[of.kind]
}

const looksAtLoss = {
  source: ['read up to the end of the stream', 'a second reader of the stream did not find them either'],
  topic: [
    'the reading of the topic, and what processes it, had passed them',
    'a new consumer that seeks did not find them either; the topic before was read again for their place',
  ],
  table: [
    'every snapshot was read for the rows it added, and the source offsets had passed them',
    'a freshly loaded catalog and a new scan did not find them either; the topic was read again for their place',
  ],
  api: ['the endpoint did not answer with them', 'asked again, it still did not'],
} as const

const looksAtContent = {
  source: ['read as it came', 'computed again from run, stream and seq'],
  topic: ['read as it came', 'what it must be was computed from run, stream and seq, not taken from another record'],
  table: ['read from the files the snapshot added', 'what it must be was computed from run, stream and seq, not taken from another row'],
  api: ['compared with the snapshot that the answer names', 'the same question was asked again'],
} as const

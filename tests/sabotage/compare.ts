import type { Evidence } from '../../shared/core/evidence.ts'
import { standingViolations } from '../../shared/core/evidence.ts'
import { members } from '../../shared/core/range-set.ts'
import type { Expected, Place, Planted } from './case.ts'

export interface Found {
  readonly evidence: Evidence
  readonly verdict: string
  readonly reasons: readonly string[]
}

export interface Comparison {
  /** Findings that were expected, of records or of files. */
  readonly found: number
  readonly missed: readonly string[]
  readonly accused: readonly string[]
  /** Of a verdict that had to be inconclusive: why it is, as it says; else null. */
  readonly inconclusive: string | null
}

interface Accusation {
  readonly violation: string
  readonly at: string
  readonly field: string | null
  readonly difference: string | null
  readonly text: string
}

/** Holds what was reported against what was planted: what is missing of it, and what is beyond it. */
export function compare(planted: Planted, { evidence, verdict, reasons }: Found, hops: Readonly<Record<Place, string>>): Comparison {
  const accusations = accusationsOf(evidence)
  const missed: string[] = []
  let found = 0
  for (const expected of planted.expected) {
    for (const key of keysOf(expected)) {
      const of = accusations.get(`${expected.violation} ${hops[expected.at]} ${key}`) ?? []
      // What is optional may be said of several fields.
      const meant = of.filter((one) => isMeant(expected, one)).slice(0, expected.optional === true ? undefined : 1)
      for (const one of meant) of.splice(of.indexOf(one), 1)
      found += meant.length
      if (meant.length === 0 && expected.optional !== true) missed.push(`${expected.violation} at ${expected.at}: ${key}${said(expected)}`)
    }
  }
  const accused = [...accusations.values()].flat().map(({ text }) => text)
  const wanted = planted.verdict ?? (planted.expected.some(({ optional }) => optional !== true) ? 'fail' : 'pass')
  if (verdict !== wanted) missed.push(`verdict ${wanted}, was ${verdict}: ${reasons.join('; ')}`)
  const meant = planted.reason === undefined ? undefined : reasons.find((reason) => planted.reason?.test(reason))
  if (planted.reason !== undefined && meant === undefined) missed.push(`reason ${String(planted.reason)}, was: ${reasons.join('; ')}`)
  return { found, missed, accused, inconclusive: wanted === 'inconclusive' && meant !== undefined ? withPlaces(meant, hops) : null }
}

/** Each pipeline has names of its own: what is read about all of them speaks of places. */
const withPlaces = (reason: string, hops: Readonly<Record<Place, string>>) =>
  Object.entries(hops).reduce((text, [place, hop]) => text.replaceAll(hop, place), reason)

const OF_NO_RECORD = 'no record'

const keysOf = ({ canaries }: Expected): string[] => canaries?.map(({ stream, seq }) => `${stream}/${seq}`) ?? [OF_NO_RECORD]

const said = ({ field, difference, says }: Expected) =>
  [
    field === undefined ? '' : `, field ${field}`,
    difference === undefined ? '' : ` by ${difference}`,
    says === undefined ? '' : `, "${says}"`,
  ].join('')

const isMeant = ({ field, difference, says }: Expected, one: Accusation) =>
  (field === undefined || field === one.field) &&
  (difference === undefined || difference === one.difference) &&
  (says === undefined || one.text.includes(says))

function accusationsOf(evidence: Evidence): Map<string, Accusation[]> {
  const accusations = new Map<string, Accusation[]>()
  const add = (key: string, one: Accusation) => {
    accusations.set(key, [...(accusations.get(key) ?? []), one])
  }
  for (const violation of standingViolations(evidence)) {
    const { violation: kind, hop, stream, field, difference, expected, actual, file } = violation
    const place = `${kind} ${hop}`
    const of = [
      field === null ? '' : `, field ${field}`,
      difference === null ? '' : ` by ${difference}`,
      file === null ? '' : `, file ${file}`,
    ]
    const told = `${place}: expected ${expected}, actual ${actual}${of.join('')}`
    const one = { violation: kind, at: hop, field, difference }
    if (kind === 'metadata-broken') add(`${place} ${OF_NO_RECORD}`, { ...one, text: told })
    else
      for (const seq of members(violation.standing.ranges)) add(`${place} ${stream}/${seq}`, { ...one, text: `${stream}/${seq} ${told}` })
  }
  return accusations
}

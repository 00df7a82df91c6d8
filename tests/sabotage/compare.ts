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
}

interface Accusation {
  readonly violation: string
  readonly at: string
  readonly field: string | null
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
  if (planted.reason !== undefined && !reasons.some((reason) => planted.reason?.test(reason)))
    missed.push(`reason ${String(planted.reason)}, was: ${reasons.join('; ')}`)
  return { found, missed, accused }
}

const OF_NO_RECORD = 'no record'

const keysOf = ({ canaries }: Expected): string[] => canaries?.map(({ stream, seq }) => `${stream}/${seq}`) ?? [OF_NO_RECORD]

const said = ({ field, says }: Expected) => `${field === undefined ? '' : `, field ${field}`}${says === undefined ? '' : `, "${says}"`}`

const isMeant = ({ field, says }: Expected, one: Accusation) =>
  (field === undefined || field === one.field) && (says === undefined || one.text.includes(says))

function accusationsOf(evidence: Evidence): Map<string, Accusation[]> {
  const accusations = new Map<string, Accusation[]>()
  const add = (key: string, one: Accusation) => {
    accusations.set(key, [...(accusations.get(key) ?? []), one])
  }
  for (const violation of standingViolations(evidence)) {
    const { violation: kind, hop, stream, field, expected, actual, file } = violation
    const place = `${kind} ${hop}`
    const told = `${place}: expected ${expected}, actual ${actual}${field === null ? '' : `, field ${field}`}${file === null ? '' : `, file ${file}`}`
    if (kind === 'metadata-broken') add(`${place} ${OF_NO_RECORD}`, { violation: kind, at: hop, field, text: told })
    else
      for (const seq of members(violation.standing.ranges))
        add(`${place} ${stream}/${seq}`, { violation: kind, at: hop, field, text: `${stream}/${seq} ${told}` })
  }
  return accusations
}

import { z } from 'zod'
import type { ViolationKind } from '../../schemas/parts.ts'
import { standingViolations, type Evidence, type Violation } from '../../shared/core/evidence.ts'
import { parseCanaryId, traceIdOf } from '../../shared/core/identity.ts'
import { members } from '../../shared/core/range-set.ts'
import { defects } from '../reference/normaliser/defects.ts'

/** One line of the normaliser's own log of what it did to a record. */
const plantedEffect = z.object({
  defect: z.enum(defects),
  tradeId: z.string(),
  rawPartition: z.int(),
  rawOffset: z.string(),
  fields: z.array(z.string()).optional(),
})
export type PlantedEffect = z.infer<typeof plantedEffect>

/** Where the normaliser's doings first show. */
export const NORMALISED_HOP = 'topic:market.trades'

/** What each defect must be called, and what else is true of the same record. */
const verdictOn: Readonly<Record<PlantedEffect['defect'], { kind: ViolationKind; besides: readonly ViolationKind[] }>> = {
  skip: { kind: 'lost', besides: [] },
  double: { kind: 'duplicated', besides: [] },
  change: { kind: 'corrupted', besides: [] },
  'cut-decimals': { kind: 'precision-lost', besides: [] },
  'drop-headers': { kind: 'header-lost', besides: [] },
  reorder: { kind: 'reordered', besides: [] },
  // A record held back is overtaken by the later ones of its stream.
  delay: { kind: 'late', besides: ['reordered'] },
}

export interface PlantedComparison {
  readonly planted: number
  readonly found: number
  /** Planted and not named; with what should have been said. */
  readonly missed: readonly string[]
  /** Named and not planted. */
  readonly accused: readonly string[]
  /** Named, with a wrong place, field or trace. */
  readonly misplaced: readonly string[]
}

export const parseDefectLog = (text: string): PlantedEffect[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => plantedEffect.parse(JSON.parse(line)))

/** Compares, record by record, what the normaliser says it did to canaries of the run with what Assay found. */
export function comparePlanted(runId: string, effects: readonly PlantedEffect[], evidence: Evidence): PlantedComparison {
  const planted = new Map(
    effects.filter(({ tradeId }) => parseCanaryId(tradeId)?.runId === runId).map((effect) => [effect.tradeId, effect]),
  )
  const found = new Set<string>()
  const accused: string[] = []
  const misplaced: string[] = []
  for (const { violation, stream, seq } of accusations(evidence)) {
    const effect = planted.get(canaryKey(runId, stream, seq))
    const expected = effect === undefined ? null : verdictOn[effect.defect]
    const said = `${violation.violation} at ${violation.hop}, stream ${stream} seq ${seq}`
    const accuse = () => accused.push(`${said}: ${violation.field ?? 'record'} ${violation.actual}, expected ${violation.expected}`)
    if (effect === undefined || expected === null || violation.hop !== NORMALISED_HOP) accuse()
    else if (violation.violation === expected.kind) {
      found.add(effect.tradeId)
      misplaced.push(...placeProblems({ runId, violation, effect }).map((problem) => `${said}: ${problem}`))
    } else if (!expected.besides.includes(violation.violation)) accuse()
  }
  const missed = [...planted.values()]
    .filter(({ tradeId }) => !found.has(tradeId))
    .map(({ tradeId, defect }) => `${tradeId}: ${defect}, should be ${verdictOn[defect].kind}`)
  return { planted: planted.size, found: found.size, missed, accused, misplaced }
}

const canaryKey = (runId: string, stream: number, seq: number) =>
  `${runId}:${String(stream).padStart(4, '0')}:${String(seq).padStart(12, '0')}`

function* accusations(evidence: Evidence): Generator<{ violation: Violation; stream: number; seq: number }> {
  for (const violation of standingViolations(evidence)) {
    for (const seq of members(violation.standing.ranges)) yield { violation, stream: violation.stream, seq }
  }
}

function placeProblems({ runId, violation, effect }: { runId: string; violation: Violation; effect: PlantedEffect }): string[] {
  const problems: string[] = []
  const { partition, offset, field, traceId, stream, ranges } = violation
  // A skipped record stands where it was last seen: in the raw topic, and the normaliser knows that place too.
  if (effect.defect === 'skip' && (partition !== effect.rawPartition || String(offset) !== effect.rawOffset)) {
    problems.push(
      `placed at partition ${String(partition)} offset ${String(offset)}, is at ${effect.rawPartition} offset ${effect.rawOffset}`,
    )
  }
  if (effect.defect !== 'skip' && (partition === null || offset === null)) problems.push('no partition and offset')
  const changes = effect.defect === 'change' || effect.defect === 'cut-decimals'
  if (changes && (field === null || !(effect.fields ?? []).includes(field)))
    problems.push(`field ${String(field)}, changed were ${(effect.fields ?? []).join(', ')}`)
  const trace = traceIdOf({ runId, stream, seq: ranges[0] ?? 0 })
  if (traceId !== trace) problems.push(`trace ${traceId}, should be ${trace}`)
  return problems
}

/** Whether Assay named exactly what was planted. No planting proves nothing. */
export const isExact = ({ planted, missed, accused, misplaced }: PlantedComparison) =>
  planted > 0 && missed.length === 0 && accused.length === 0 && misplaced.length === 0

const SHOWN_MAX = 10

export function comparisonLines(comparison: PlantedComparison): string[] {
  const { planted, found, missed, accused, misplaced } = comparison
  const wrongPlaces = misplaced.length === 0 ? '' : `, wrongly placed ${misplaced.length}`
  return [
    `planted ${planted}, found ${found}, missed ${missed.length}, wrongly accused ${accused.length}${wrongPlaces}`,
    ...(planted === 0 ? ['  nothing was planted in this run: it proves nothing'] : []),
    ...shown('missed', missed),
    ...shown('wrongly accused', accused),
    ...shown('wrongly placed', misplaced),
  ]
}

function shown(what: string, lines: readonly string[]): string[] {
  const more = lines.length > SHOWN_MAX ? [`  and ${lines.length - SHOWN_MAX} more ${what}`] : []
  return [...lines.slice(0, SHOWN_MAX).map((line) => `  ${what}: ${line}`), ...more]
}

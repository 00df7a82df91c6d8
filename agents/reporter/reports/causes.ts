import { isAudited, isTimed, partitionOfStream } from '../../../shared/core/audit-findings.ts'
import type { ValueDifference, ViolationKind } from '../../../schemas/parts.ts'
import { violationKinds } from '../../../schemas/parts.ts'
import { standingViolations, type Evidence, type Violation } from '../../../shared/core/evidence.ts'
import { faultWindows, forgives, type FaultWindow } from '../../../shared/core/faults.ts'
import type { RunState } from '../../../shared/core/run-book.ts'
import { hopName, SOURCE_HOP } from '../../../topology/topology.ts'
import { locate, type LocatedViolation } from './locate.ts'
import { neighbours, type Line, type Piece, type Stretch } from './stretches.ts'

/**
 * Violations that probably have one cause: of one kind at one hop, in one field, inside or outside of the same faults;
 * and either unbroken stretches of neighbours, or single ones here and there.
 */
export interface Cause {
  readonly kind: ViolationKind
  readonly hop: string
  readonly field: string | null
  /** How the value differs, where one was compared. */
  readonly difference: ValueDifference | null
  /** The rule that is broken; null for what no topology declares. */
  readonly rule: string | null
  readonly shape: 'stretches' | 'scattered'
  readonly canaries: number
  /** Expected at the hop; 0 when the hop has no summary. */
  readonly ofCanaries: number
  /** False for lateness that a fault of ours explains: shown, and not counted against the pipeline. */
  readonly counts: boolean
  /** `pause of connect`: the faults in whose windows these were found. */
  readonly faults: readonly string[]
  /** The longest, at most STRETCHES_MAX of `stretchesInAll`. */
  readonly stretches: readonly Stretch[]
  readonly stretchesInAll: number
  readonly partitions: readonly number[]
  readonly expected: string
  readonly actual: string
  /** Whether all of them say the same of what was expected and found. */
  readonly alike: boolean
  readonly foundFromMs: number
  readonly foundUntilMs: number
  /** The first ones by place, at most SAMPLES_MAX. */
  readonly samples: readonly LocatedViolation[]
  readonly violations: number
}

export const SAMPLES_MAX = 200
export const STRETCHES_MAX = 20
/** So many neighbours are no accident. */
const STRETCH_CANARIES_MIN = 10

/** Worst kind first, then in the order a record passes the hops, then the largest. */
export function causesOf(run: RunState, evidence: Evidence, expectedAt: ReadonlyMap<string, number>): Cause[] {
  const hops = [SOURCE_HOP, ...run.resolved.hops.map(hopName)]
  const groups = groupsOf(run, evidence)
  return [...groups.values()]
    .flatMap((group) => split(run, group, expectedAt))
    .sort(
      (a, b) =>
        violationKinds.indexOf(a.kind) - violationKinds.indexOf(b.kind) ||
        hops.indexOf(a.hop) - hops.indexOf(b.hop) ||
        b.canaries - a.canaries ||
        (a.field ?? '').localeCompare(b.field ?? ''),
    )
}

interface Group {
  readonly counts: boolean
  readonly faults: readonly string[]
  readonly violations: Violation[]
}

function groupsOf(run: RunState, evidence: Evidence): Map<string, Group> {
  const windows = faultWindows(evidence, run)
  const groups = new Map<string, Group>()
  for (const violation of standingViolations(evidence)) {
    const forgiving = windows.filter((window) => forgives(window, { evidence, run, violation }))
    const isInForce = ({ fromMs, untilMs }: FaultWindow) => fromMs <= violation.atMs && violation.atMs <= untilMs
    const faults = windows.filter((window) => forgiving.includes(window) || isInForce(window)).map(({ name }) => name)
    const counts = forgiving.length === 0
    const { field, difference, rule } = violation
    const key = JSON.stringify([
      violation.violation,
      violation.hop,
      field,
      difference,
      rule,
      counts,
      faults,
      isAudited(violation),
      isTimed(violation),
    ])
    const group = groups.get(key)
    if (group === undefined) groups.set(key, { counts, faults, violations: [violation] })
    else group.violations.push(violation)
  }
  return groups
}

function split(run: RunState, group: Group, expectedAt: ReadonlyMap<string, number>): Cause[] {
  const stretches = neighbours(group.violations.flatMap(piecesOf))
  const shapes = [
    { shape: 'stretches' as const, own: stretches.filter(({ canaries }) => canaries >= STRETCH_CANARIES_MIN) },
    { shape: 'scattered' as const, own: stretches.filter(({ canaries }) => canaries < STRETCH_CANARIES_MIN) },
  ]
  return shapes.filter(({ own }) => own.length > 0).map(({ shape, own }) => causeOf({ run, group, expectedAt }, shape, own))
}

/** A finding of a single canary lies at its offset; one of many, of which only the first is placed, in its stream. */
function piecesOf(violation: Violation): Piece<Violation>[] {
  const { standing, partition, offset, stream } = violation
  const { ranges } = standing
  if (partition !== null && offset !== null && standing.size === 1)
    return [{ line: { in: 'partition', number: partition }, first: offset, last: offset, canaries: 1, of: violation }]
  return Array.from({ length: ranges.length / 2 }, (_, i) => {
    const [first = 0, last = 0] = ranges.slice(2 * i, 2 * i + 2)
    const line = lineOf(stream)
    return { line, first, last, canaries: last - first + 1, of: violation }
  })
}

function lineOf(stream: number): Line {
  if (isTimed({ stream })) return { in: 'time', number: 0 }
  return isAudited({ stream }) ? { in: 'partition', number: partitionOfStream(stream) } : { in: 'stream', number: stream }
}

interface GroupContext {
  readonly run: RunState
  readonly group: Group
  readonly expectedAt: ReadonlyMap<string, number>
}

function causeOf(
  { run, group, expectedAt }: GroupContext,
  shape: Cause['shape'],
  stretches: readonly (Stretch & { readonly pieces: readonly Piece<Violation>[] })[],
): Cause {
  const members = [...new Set(stretches.flatMap(({ pieces }) => pieces.map((piece) => piece.of)))]
  const [first] = members as [Violation]
  const longest = [...stretches].sort((a, b) => b.canaries - a.canaries).slice(0, STRETCHES_MAX)
  const partitions = new Set(members.map(({ partition }) => partition).filter((partition) => partition !== null))
  return {
    kind: first.violation,
    hop: first.hop,
    field: first.field,
    difference: first.difference,
    rule: first.rule,
    shape,
    canaries: stretches.reduce((sum, { canaries }) => sum + canaries, 0),
    ofCanaries: isAudited(first) ? 0 : (expectedAt.get(first.hop) ?? 0),
    counts: group.counts,
    faults: group.faults,
    stretches: longest.map(({ line, first: from, last, canaries }) => ({ line, first: from, last, canaries })),
    stretchesInAll: stretches.length,
    partitions: [...partitions].sort((a, b) => a - b),
    expected: first.expected,
    actual: first.actual,
    alike: members.every(({ expected, actual }) => expected === first.expected && actual === first.actual),
    foundFromMs: members.reduce((least, { atMs }) => Math.min(least, atMs), first.atMs),
    foundUntilMs: members.reduce((most, { atMs }) => Math.max(most, atMs), first.atMs),
    samples: members.slice(0, SAMPLES_MAX).map((violation) => locate(run, violation)),
    violations: members.length,
  }
}

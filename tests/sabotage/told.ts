import { openTwoTopics } from '../../agents/cli/two-topics.ts'
import type { RunFact } from '../../schemas/results.ts'
import { CanarySet } from '../../shared/core/canary-set.ts'
import { isRunFact } from '../../shared/core/run-book.ts'
import type { Pipeline } from './pipeline.ts'

/** All that was said of a run, by a reader that was not there. */
export async function factsOf({ environment }: Pick<Pipeline, 'environment'>, runId: string): Promise<RunFact[]> {
  const facts: RunFact[] = []
  const topics = await openTwoTopics(
    (event) => {
      if (event.type === 'fact' && isRunFact(event.fact) && event.fact.runId === runId) facts.push(event.fact)
    },
    { environment },
  )
  try {
    await topics.caughtUp
  } finally {
    await topics.close()
  }
  return facts
}

/** The instances that said something of the kind. */
export const speakersOf = (facts: readonly RunFact[], kind: RunFact['kind']): string[] => [
  ...new Set(facts.filter((fact) => fact.kind === kind).map(({ instance }) => instance)),
]

/** What two facts say of one thing, and do not say alike. */
export function contradictionsIn(facts: readonly RunFact[]): string[] {
  const said = new Map<string, string>()
  return facts.flatMap((fact) => {
    const claim = claimOf(fact)
    if (claim === null) return []
    const [about, what] = claim
    const before = said.get(about) ?? what
    said.set(about, before)
    return before === what ? [] : [`two facts of ${about}: ${before}, and by ${fact.instance} ${what}`]
  })
}

function claimOf(fact: RunFact): readonly [about: string, what: string] | null {
  switch (fact.kind) {
    case 'hop-sighted':
      return [`${fact.hop} ${JSON.stringify(fact.covered)}`, canariesText(fact.canaries)]
    case 'snapshot-reconciled':
      return [`${fact.hop} snapshot ${fact.snapshotId}`, `${fact.rowsAdded} rows, ${canariesText(fact.canaries)}`]
    case 'stage-ended':
      return [`the end of ${fact.stage}`, fact.outcome]
    case 'run-judged':
      return [`the verdict, revision ${fact.revision}`, `${fact.verdict}: ${fact.reasons.join('; ')}`]
    default:
      return null
  }
}

/** The same whatever the order in which streams are told. */
const canariesText = (canaries: Parameters<typeof CanarySet.of>[0]) =>
  JSON.stringify(
    CanarySet.of(canaries)
      .toWire()
      .toSorted((a, b) => a.stream - b.stream),
  )

/** Findings that were said more than once. */
export function saidAgain(facts: readonly RunFact[]): string[] {
  const said = new Set<string>()
  return facts.flatMap((fact) => {
    if (fact.kind !== 'violation-found') return []
    const { violation, hop, stream, ranges, field } = fact
    const what = `${violation} ${hop} ${stream}/${ranges.join('-')} ${field ?? ''}`
    const isAgain = said.has(what)
    said.add(what)
    return isAgain ? [`said more than once: ${what}`] : []
  })
}

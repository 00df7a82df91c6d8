import { termsOf, type Term } from '../../shared/core/rules.ts'
import { headOf, say, sayMissingOnce, type RunWorks } from '../../shared/core/run-work.ts'
import type { CheckerEffect } from './events.ts'
import type { Pending } from './sighting.ts'
import type { TopicContext } from './topic-work.ts'

const opaqueText = (field: string, avroType: string) => `field ${field} is of Avro type ${avroType}, and was not compared`

/** Fields that were compared with nothing: each once. */
export function sayOpaque(works: RunWorks, { run, topic }: Omit<TopicContext, 'work'>, { opaque }: Pending): CheckerEffect[] {
  const at = { runId: run.runId, hop: topic.name }
  return [...opaque].flatMap(([field, avroType]) => sayMissingOnce(works, at, opaqueText(field, avroType)))
}

/** What was held to the contract, by term; rows that nobody read are said by no fact. */
export function sayContract(
  works: RunWorks,
  { run, topic }: Omit<TopicContext, 'work'>,
  { contract, covered, opaque }: Pending,
): CheckerEffect[] {
  const terms = termsOf(topic.hop)
  if (terms.length === 0 || contract.rows === 0) return []
  const scope = [...covered.values()]
    .flat()
    .sort((a, b) => a.partition - b.partition)
    .map(({ partition, offsetFirst, offsetLast }) => `${partition}:${offsetFirst}-${offsetLast}`)
    .join(' ')
  const checks = terms.map((term) => ({
    ...{ name: term.name, form: term.form, severity: term.severity, rows: contract.rows, unchecked: whyUnchecked(term, opaque) },
    broken: contract.broken.get(term.name) ?? 0,
    exempt: contract.exempt.get(term.name) ?? 0,
  }))
  return [say(works, { kind: 'rules-checked', ...headOf(works, run.runId), hop: topic.name, scope, snapshotId: null, checks })]
}

/** Null for a term that was checked. One of uniqueness is about several fields. */
function whyUnchecked({ field }: Term, opaque: ReadonlyMap<string, string>): string | null {
  const found = [...opaque].find(([name]) => field?.split(', ').includes(name))
  return found === undefined ? null : opaqueText(...found)
}

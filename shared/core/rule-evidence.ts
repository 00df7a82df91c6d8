import type { Fact } from '../../schemas/results.ts'
import type { RuleCheck } from '../../schemas/results/rules-checked.ts'
import { hopName, type Hop } from '../../topology/topology.ts'
import type { Evidence } from './evidence.ts'
import { termsOf } from './rules.ts'

/** What was held against one rule or term of a contract at one hop, over all facts of it. */
export interface RuleEvidence {
  readonly hop: string
  readonly name: string
  readonly form: RuleCheck['form']
  readonly severity: RuleCheck['severity']
  rows: number
  broken: number
  exempt: number
  /** Why it could not be checked, the first time it could not. */
  unchecked: string | null
  readonly scopes: Set<string>
}

export const ruleKey = (hop: string, name: string) => `${hop}|${name}`

/** The same scope twice is one. */
export function foldRules(rules: Map<string, RuleEvidence>, { hop, scope, checks }: Fact<'rules-checked'>): void {
  for (const { name, form, severity, rows, broken, exempt, unchecked } of checks) {
    const key = ruleKey(hop, name)
    const known = rules.get(key) ?? { hop, name, form, severity, rows: 0, broken: 0, exempt: 0, unchecked: null, scopes: new Set() }
    rules.set(key, known)
    if (known.scopes.has(scope)) continue
    known.scopes.add(scope)
    known.rows += rows
    known.broken += broken
    known.exempt += exempt
    known.unchecked ??= unchecked
  }
}

/** Rules that were to be held against what a hop was seen to hold, and were not: no pass is given for them. */
export function uncheckedRules(watched: readonly Hop[], evidence: Evidence): string[] {
  return watched.flatMap((hop) => {
    const name = hopName(hop)
    if ((evidence.hops.get(name)?.sighted.streams().length ?? 0) === 0) return []
    return termsOf(hop).flatMap((term) => {
      const known = evidence.rules.get(ruleKey(name, term.name))
      const what = `${name}: ${term.form} "${term.name}"`
      if (known === undefined) return [`${what} was not checked`]
      return known.unchecked === null ? [] : [`${what} was not checked: ${known.unchecked}`]
    })
  })
}

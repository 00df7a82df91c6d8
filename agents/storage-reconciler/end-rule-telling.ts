import type { Evidence } from '../../shared/core/evidence.ts'
import { termsAt, termsOf } from '../../shared/core/rules.ts'
import { evidenceOf, headOf, say, type RunWorks } from '../../shared/core/run-work.ts'
import { violationFact } from '../../shared/core/violations.ts'
import type { EndRulesResult, ReconcilerEffect } from './events.ts'
import { beganBehind } from './loss.ts'
import { ruleFindings, sayRules } from './rule-telling.ts'
import type { TableContext } from './table-work.ts'

const ASKS_FAILED_MAX = 3
const END = 'end of the run'

/** Asks for what is held against all rows of the run, once everything else is done; `done` when it is told. */
export function askEndRules(works: RunWorks, { run, table }: TableContext): { effects: ReconcilerEffect[]; done: boolean } {
  const terms = termsAt(termsOf(table.hop), 'end')
  if (terms.length === 0 || isEndTold(evidenceOf(works, run.runId), table.name)) return { effects: [], done: true }
  if (table.endRules.isAsked) return { effects: [], done: false }
  table.endRules.isAsked = true
  const snapshotId = table.chain.at(-1) ?? null
  const began = beganBehind(run)
  return {
    effects: [{ type: 'ask-rules', runId: run.runId, hop: table.name, snapshotId, began, resolved: run.resolved }],
    done: false,
  }
}

const isEndTold = ({ rules }: Evidence, hop: string) => [...rules.values()].some((known) => known.hop === hop && known.scopes.has(END))

export function foldEndRules(works: RunWorks, { run, table }: TableContext, result: EndRulesResult): ReconcilerEffect[] {
  const { endRules } = table
  if (!endRules.isAsked || isEndTold(evidenceOf(works, run.runId), table.name)) return []
  if (!result.ok) {
    endRules.isAsked = ++endRules.failed >= ASKS_FAILED_MAX
    if (!endRules.isAsked) return []
    const checks = termsAt(termsOf(table.hop), 'end').map(({ name, form, severity }) => ({
      ...{ name, form, severity, rows: 0, broken: 0, exempt: 0 },
      unchecked: result.reason,
    }))
    return sayRules(works, { run, table }, { scope: END, snapshotId: null, checks })
  }
  const { snapshotId, rules } = result
  const reading = { snapshotId: snapshotId ?? 'none', rules }
  const findings = ruleFindings(works, { run, table }, { reading, brought: table.rows.present })
  return [
    ...table.budget.limit(findings).map((finding) => say(works, violationFact(headOf(works, run.runId), finding))),
    ...sayRules(works, { run, table }, { scope: END, snapshotId, checks: rules.checks }),
  ]
}

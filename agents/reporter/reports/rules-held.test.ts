import { expect, test } from 'vitest'
import type { RuleCheck } from '../../../schemas/results/rules-checked.ts'
import { cleanFacts, foldAll, told } from '../../../shared/core/told-run.fixture.ts'
import { markup, markupOf } from './markup.ts'
import { rulesSection, rulesTable } from './rules-held.ts'

const check = (name: string, said: Partial<RuleCheck> = {}): RuleCheck => ({
  ...{ name, form: 'rule', severity: 'failure', rows: 20, broken: 0, exempt: 0, unchecked: null },
  ...said,
})
const at = (scope: string, ...checks: RuleCheck[]) => told('rules-checked', { scope, checks })

test('what was held against rules is told by rule: rows, broken, and why not', () => {
  const facts = [
    at('snapshot 1', check('holds'), check('breaks', { broken: 2, exempt: 1 }), check('warns', { severity: 'warning', broken: 1 })),
    at('snapshot 2', check('holds'), check('breaks'), check('odd', { rows: 0, unchecked: 'no such column' })),
    // Told again by an agent that was restarted.
    at('snapshot 2', check('holds'), check('breaks')),
  ]
  const source = foldAll([...cleanFacts(), ...facts])
  expect(rulesTable(source)).toEqual([
    ['table:lake.trades', 'holds', '40', '0', '0', 'holds'],
    ['table:lake.trades', 'breaks', '40', '2', '1', 'broken'],
    ['table:lake.trades', 'warns', '20', '1', '0', 'warning'],
    ['table:lake.trades', 'odd', '0', '0', '0', 'not checked: no such column'],
  ])
  expect(markupOf(markup`${rulesSection(source)}`)).toContain('Rules and contracts')
})

test('without rules there is nothing to tell', () => {
  const source = foldAll(cleanFacts())
  expect(rulesTable(source)).toEqual([])
  expect(rulesSection(source)).toBeNull()
})

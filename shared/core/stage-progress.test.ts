import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { told } from './told-run.fixture.ts'
import { foldStage, noProgress } from './stage-progress.ts'

const said = fc.record({ atMs: fc.integer({ min: 0, max: 3 }), instance: fc.constantFrom('a', 'b', 'c') }).chain(({ atMs, instance }) => {
  const at = { stage: 'sight', atMs, instance }
  return fc.constantFrom(
    told('stage-started', { ...at, epochMs: atMs * 10 }),
    told('stage-ended', { ...at, outcome: atMs === 0 ? 'ok' : 'inconclusive' }),
    told('part-ended', { stage: 'sight', part: `hop ${atMs}` }),
  )
})

const folded = (facts: readonly Parameters<typeof foldStage>[1][]) => {
  const progress = noProgress()
  for (const fact of facts) foldStage(progress, fact)
  const { started, ended, parts } = progress
  return { started: [started?.atMs, started?.instance], ended: [ended?.atMs, ended?.instance], parts: [...parts].sort() }
}

describe('what several instances say of one stage', () => {
  test('folds to the same in any order, and however often', () => {
    fc.assert(
      fc.property(fc.array(said, { maxLength: 8 }), fc.array(fc.nat(), { maxLength: 16 }), (facts, picks) => {
        const again = picks.flatMap((pick) => facts[pick % Math.max(1, facts.length)] ?? [])
        expect(folded([...again, ...facts.toReversed()])).toEqual(folded(facts))
      }),
    )
  })

  test('counts from the earliest start, whoever was heard first', () => {
    const late = told('stage-started', { stage: 'sight', atMs: 20, instance: 'a', epochMs: 200 })
    const early = told('stage-started', { stage: 'sight', atMs: 10, instance: 'b', epochMs: 100 })
    const progress = noProgress()
    foldStage(progress, late)
    expect(progress.started?.epochMs).toBe(200)
    foldStage(progress, early)
    foldStage(progress, late)
    expect(progress.started?.epochMs).toBe(100)
  })
})

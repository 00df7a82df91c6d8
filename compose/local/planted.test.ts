import { describe, expect, it } from 'vitest'
import { emptyEvidence, foldEvidence } from '../../shared/core/evidence.ts'
import { canaryIdText, traceIdOf } from '../../shared/core/identity.ts'
import type { ViolationKind } from '../../schemas/parts.ts'
import { defects, type Defect } from '../reference/normaliser/defects.ts'
import { comparePlanted, comparisonLines, isExact, NORMALISED_HOP, parseDefectLog, type PlantedEffect } from './planted.ts'

const runId = '01932b3c-0000-7abc-8000-0123456789ab'
const kinds: Record<Defect, ViolationKind> = {
  skip: 'lost',
  double: 'duplicated',
  change: 'corrupted',
  'cut-decimals': 'precision-lost',
  'drop-headers': 'header-lost',
  reorder: 'reordered',
  delay: 'late',
}

const planted = (defect: Defect, seq: number): PlantedEffect => ({
  defect,
  tradeId: canaryIdText({ runId, stream: 2, seq }),
  rawPartition: 1,
  rawOffset: '50',
  fields: ['price'],
})

interface Said {
  violation: ViolationKind
  seqs: readonly number[]
  hop?: string
  offset?: number | null
  field?: string | null
  traceId?: string
}

function evidenceOf(...said: readonly Said[]) {
  const evidence = emptyEvidence()
  for (const { violation, seqs, hop = NORMALISED_HOP, offset = 50, field = 'price', traceId } of said) {
    const first = seqs[0] ?? 0
    const head = { kind: 'violation-found' as const, runId, agent: 'ingestion-checker', instance: '0', atMs: 1, violation, hop, stream: 2 }
    const place = { expected: '', actual: '', partition: 1, offset, field, snapshotId: null, file: null }
    foldEvidence(evidence, {
      ...head,
      ranges: [...seqs],
      ...place,
      difference: null,
      rule: null,
      traceId: traceId ?? traceIdOf({ runId, stream: 2, seq: first }),
    })
  }
  return evidence
}

describe('planted against found', () => {
  it.each(defects)('is exact when each %s was named, and nothing else', (defect) => {
    const comparison = comparePlanted(
      runId,
      [planted(defect, 4), planted(defect, 9)],
      evidenceOf({ violation: kinds[defect], seqs: [4, 4] }, { violation: kinds[defect], seqs: [9, 9] }),
    )
    expect(comparison).toEqual({ planted: 2, found: 2, missed: [], accused: [], misplaced: [] })
    expect(isExact(comparison)).toBe(true)
    expect(comparisonLines(comparison)).toEqual(['planted 2, found 2, missed 0, wrongly accused 0'])
  })

  it('misses what was not named, or named as something else', () => {
    const comparison = comparePlanted(runId, [planted('skip', 4), planted('skip', 5)], evidenceOf({ violation: 'late', seqs: [4, 4] }))
    expect(comparison).toMatchObject({ planted: 2, found: 0, accused: ['late at topic:market.trades, stream 2 seq 4: price , expected '] })
    expect(comparison.missed).toHaveLength(2)
    expect(isExact(comparison)).toBe(false)
  })

  it('counts each canary of a range that was not planted as wrongly accused', () => {
    const comparison = comparePlanted(runId, [planted('skip', 4)], evidenceOf({ violation: 'lost', seqs: [4, 6] }))
    expect(comparison).toMatchObject({ found: 1, missed: [] })
    expect(comparison.accused).toHaveLength(2)
  })

  it('accuses an accusation at a hop where nothing was planted', () => {
    const evidence = evidenceOf({ violation: 'lost', seqs: [4, 4] }, { violation: 'lost', seqs: [4, 4], hop: 'table:market.trades' })
    expect(comparePlanted(runId, [planted('skip', 4)], evidence).accused).toEqual([
      'lost at table:market.trades, stream 2 seq 4: price , expected ',
    ])
  })

  it('lets a record held back be late and overtaken', () => {
    const evidence = evidenceOf({ violation: 'late', seqs: [4, 4] }, { violation: 'reordered', seqs: [4, 4] })
    expect(isExact(comparePlanted(runId, [planted('delay', 4)], evidence))).toBe(true)
    expect(comparePlanted(runId, [planted('double', 4)], evidence).accused).toHaveLength(2)
  })

  it.each([
    { defect: 'skip' as const, said: { offset: 51 }, problem: 'placed at partition 1 offset 51, is at 1 offset 50' },
    { defect: 'double' as const, said: { offset: null }, problem: 'no partition and offset' },
    { defect: 'change' as const, said: { field: 'symbol' }, problem: 'field symbol, changed were price' },
    { defect: 'skip' as const, said: { traceId: 'f'.repeat(32) }, problem: `trace ${'f'.repeat(32)}` },
  ])('sees a wrong place: $problem', ({ defect, said, problem }) => {
    const comparison = comparePlanted(runId, [planted(defect, 4)], evidenceOf({ violation: kinds[defect], seqs: [4, 4], ...said }))
    expect(comparison.misplaced.join()).toContain(problem)
    expect(isExact(comparison)).toBe(false)
  })

  it('proves nothing when nothing was planted in the run', () => {
    const ofOthers = { ...planted('skip', 4), tradeId: canaryIdText({ runId: runId.replace('0', '9'), stream: 2, seq: 4 }) }
    const comparison = comparePlanted(runId, [ofOthers, { ...ofOthers, tradeId: 'T-17' }], emptyEvidence())
    expect(comparison.planted).toBe(0)
    expect(isExact(comparison)).toBe(false)
  })

  it('reads the log the normaliser writes', () => {
    const line = '{"defect":"skip","tradeId":"x","symbol":"S","rawPartition":3,"rawOffset":"12","atMs":1}'
    expect(parseDefectLog(`${line}\n${line}\n`)).toHaveLength(2)
    expect(() => parseDefectLog('{"defect":"melt"}\n')).toThrow('defect')
  })
})

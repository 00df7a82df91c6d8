import { expect, test } from 'vitest'
import { emptyEvidence, foldEvidence } from '../../shared/core/evidence.ts'
import type { Fact } from '../../schemas/results.ts'
import type { Expected } from './case.ts'
import { compare } from './compare.ts'

const hops = { raw: 'topic:raw', topic: 'topic:out', table: 'table:t' }
const canary = (seq: number) => ({ stream: 1, seq })

function evidenceOf(...found: readonly Partial<Fact<'violation-found'>>[]) {
  const evidence = emptyEvidence()
  for (const one of found) foldEvidence(evidence, violation(one))
  return evidence
}

const violation = (one: Partial<Fact<'violation-found'>>): Fact<'violation-found'> => ({
  kind: 'violation-found',
  runId: '0196f3a0-0000-7000-8000-000000000000',
  agent: 'ingestion-checker',
  instance: '0',
  atMs: 1,
  hop: 'topic:out',
  violation: 'lost',
  stream: 1,
  ranges: [3, 4],
  expected: 'there',
  actual: 'not there',
  field: null,
  partition: null,
  offset: null,
  snapshotId: null,
  file: null,
  traceId: 'a'.repeat(32),
  difference: null,
  rule: null,
  ...one,
})

const lost = (...seqs: number[]): Expected => ({ violation: 'lost', at: 'topic', canaries: seqs.map(canary) })

interface Row {
  readonly what: string
  readonly expected: readonly Expected[]
  readonly found: readonly Partial<Fact<'violation-found'>>[]
  readonly verdict: string
  readonly missed: number
  readonly accused: number
}

const rows: readonly Row[] = [
  { what: 'exactly the planted records', expected: [lost(3, 4)], found: [{}], verdict: 'fail', missed: 0, accused: 0 },
  { what: 'one that was not named', expected: [lost(3, 4, 5)], found: [{}], verdict: 'fail', missed: 1, accused: 0 },
  { what: 'one named beyond it', expected: [lost(3)], found: [{}], verdict: 'fail', missed: 0, accused: 1 },
  {
    what: 'the right record by another kind',
    expected: [lost(3)],
    found: [{ ranges: [3, 3], violation: 'late' }],
    verdict: 'fail',
    missed: 1,
    accused: 1,
  },
  {
    what: 'the right record at another place',
    expected: [lost(3)],
    found: [{ ranges: [3, 3], hop: 'table:t' }],
    verdict: 'fail',
    missed: 1,
    accused: 1,
  },
  {
    what: 'a verdict that is not that of its findings',
    expected: [lost(3)],
    found: [{ ranges: [3, 3] }],
    verdict: 'pass',
    missed: 1,
    accused: 0,
  },
  {
    what: 'the right record, said to differ as it does',
    expected: [{ ...lost(3), difference: 'time-zone' }],
    found: [{ ranges: [3, 3], difference: 'time-zone' }],
    verdict: 'fail',
    missed: 0,
    accused: 0,
  },
  {
    what: 'the right record, said to differ in another way',
    expected: [{ ...lost(3), difference: 'time-zone' }],
    found: [{ ranges: [3, 3], difference: 'value' }],
    verdict: 'fail',
    missed: 1,
    accused: 1,
  },
  { what: 'an innocent one that was accused', expected: [], found: [{ ranges: [3, 3] }], verdict: 'fail', missed: 1, accused: 1 },
  { what: 'an innocent one left alone', expected: [], found: [], verdict: 'pass', missed: 0, accused: 0 },
]

test.each(rows)('$what', ({ expected, found, verdict, missed, accused }) => {
  const compared = compare({ expected }, { evidence: evidenceOf(...found), verdict, reasons: [] }, hops)
  expect({ missed: compared.missed.length, accused: compared.accused.length }).toEqual({ missed, accused })
})

const gone = { expected: [], verdict: 'inconclusive', reason: /were removed/ } as const

test.each([
  { what: 'is told with places for names', reasons: ['topic:out: offsets were removed'], missed: 0, why: 'topic: offsets were removed' },
  { what: 'is missed where it is another', reasons: ['cancelled'], missed: 1, why: null },
])('why a verdict is inconclusive $what', ({ reasons, missed, why }) => {
  const compared = compare(gone, { evidence: evidenceOf(), verdict: 'inconclusive', reasons }, hops)
  expect({ missed: compared.missed.length, why: compared.inconclusive }).toEqual({ missed, why })
})

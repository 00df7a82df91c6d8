import { expect, test } from 'vitest'
import { TABLE, told } from '../../../shared/core/told-run.fixture.ts'
import type { Fact } from '../../../schemas/results.ts'
import { findingsOf } from './heard.ts'
import { linkFromHere } from './report-link.ts'

const none = { fidelity: null, p50Ms: null, p95Ms: null, p99Ms: null, maxMs: null }

function judged(verdict: Fact<'run-judged'>['verdict'], counts: Partial<Record<'late' | 'lost' | 'stale', number>>): Fact<'run-judged'> {
  const violations = (['late', 'lost', 'stale'] as const).map((violation) => ({ violation, count: counts[violation] ?? 0 }))
  return told('run-judged', { verdict, reasons: [], hops: [{ hop: TABLE, expected: 0, sighted: 0, violations, ...none }] })
}

test('a late record is a false finding where the run fails for it, and none where the verdict holds it against nobody', () => {
  const runs = {
    a: judged('fail', { late: 2, stale: 1 }),
    b: judged('inconclusive', { late: 5 }),
    c: judged('fail', { lost: 3 }),
    d: judged('pass', {}),
    before: judged('fail', { lost: 9, late: 9 }),
  }
  const startedAtMs = new Map(Object.keys(runs).map((runId) => [runId, runId === 'before' ? 9 : 10]))
  expect(findingsOf({ judged: new Map(Object.entries(runs)), startedAtMs }, { fromMs: 10, toMs: 20 })).toMatchObject({
    runs: 4,
    judged: 4,
    verdicts: { pass: 1, fail: 2, inconclusive: 1 },
    ofRecords: 3,
    ofTime: 3,
    ofTimeExcused: 5,
  })
})

test.each([
  ['http://127.0.0.1:18090/runs/x', 'http://127.0.0.1:4711/runs/x'],
  ['https://assay.example.org/runs/x', 'http://127.0.0.1:4711/runs/x'],
  ['', undefined],
])('the link %s is opened at %s', (link, expected) => {
  expect(linkFromHere(link, 4711)?.href).toBe(expected)
})

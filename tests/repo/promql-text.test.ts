import { expect, test } from 'vitest'
import { readPromql, type KnownMetrics } from './promql-text.ts'

const known: KnownMetrics = new Map([
  ['a_total', { hop: ['x', 'y'], kind: null, job: null }],
  ['b_total', { hop: ['x', 'y'] }],
  ['l_bucket', { le: null, hop: ['x', 'y'] }],
])

test.each([
  ['sum by (hop) (rate(a_total{hop="x"}[$__rate_interval]))', ['hop']],
  ['histogram_quantile(0.9, sum by (le, hop) (rate(l_bucket[5m])))', ['hop']],
  ['sum without (job, kind) (a_total) / (b_total > 0)', ['hop']],
  ['a_total{hop=~"$hop"} and on (hop) b_total', ['hop', 'kind', 'job']],
  ['a_total * on (hop) group_left b_total', ['hop', 'kind', 'job']],
  ['b_total{hop!="x"} or b_total{hop=~"x|y"} or b_total{hop=~"z.*", hop!=""}', ['hop']],
  ['max_over_time(sum(b_total)[1h:1m]) or vector(0)', []],
  ['time() - max(a_total)', []],
  ['label_replace(b_total, "place", "$1", "hop", "(.*)")', ['hop', 'place']],
])('%s is read', (expr, labels) => {
  const { problems, labels: found } = readPromql(expr, known)
  expect(problems).toEqual([])
  expect([...(found ?? [])]).toEqual(labels)
})

test.each([
  ['sum(', 'no PromQL'],
  ['a_total b_total', 'no PromQL'],
  ['c_total', 'c_total is exported by nobody'],
  ['a_total{where="x"}', 'a_total has no label where'],
  ['a_total{hop="z"}', 'a_total: hop is never z, only x, y'],
  ['a_total{hop!="z"}', 'a_total: hop is never z, only x, y'],
  ['a_total{hop=~"x|z"}', 'a_total: hop is never z, only x, y'],
  ['a_total{hop!~"z"}', 'a_total: hop is never z, only x, y'],
  ['sum by (where) (a_total)', 'grouped by where'],
  ['sum by (hop) (sum by (kind) (a_total))', 'grouped by hop'],
  ['a_total / on (kind) b_total', 'joined on kind'],
  ['a_total / b_total', 'joined by all labels, and they differ'],
  ['histogram_quantile(0.9, sum by (hop) (l_bucket))', 'histogram_quantile without le'],
])('%s is found wrong', (expr, problem) => {
  expect(readPromql(expr, known).problems.join('; ')).toContain(problem)
})

test('names the metrics of an expression', () => {
  expect([...readPromql('a_total{hop="x"} and on () sum(b_total)', known).metrics]).toEqual(['a_total', 'b_total'])
})

import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { CLEAN, accepted, cleanFacts, told } from '../../shared/core/told-run.fixture.ts'
import { deterministicRunId } from '../../shared/core/identity.ts'
import type { RunFact } from '../../schemas/results.ts'
import { documentedMetrics, typesIn } from '../repo/documented-metrics.ts'
import { startAlerting, RULES, type Alerting, type HeardAlert } from './alerting.ts'
import { until } from './jaeger.ts'
import { programs } from './programs.ts'

/**
 * The real reporter, the real Prometheus and Alertmanager as they are shipped, asked every 2 s: from a planted loss to a
 * webhook, and back. The run is told fact by fact, over a real Kafka.
 */
let alerting: Alerting

beforeAll(async () => {
  alerting = await startAlerting({ everySeconds: 2 })
})
afterAll(() => alerting.stop())

const LIMIT_MS = 60_000
const TRACE = 'c'.repeat(32)
let runs = 0

/** Facts of a run that ends now, whole or with a loss that was looked at twice. */
function story(runId: string, atMs: number, isLost: boolean): RunFact[] {
  const of = (fact: RunFact): RunFact => ({ ...fact, runId, atMs, ...(fact.kind === 'stage-started' ? { epochMs: atMs } : {}) })
  const facts = cleanFacts().filter(({ kind }) => kind !== 'run-accepted')
  const loss = told('violation-found', { hop: CLEAN, stream: 0, ranges: [5, 5], traceId: TRACE })
  const end = facts.findIndex(({ kind }) => kind === 'stage-ended')
  return [accepted(), ...facts.slice(0, end), ...(isLost ? [loss] : []), ...facts.slice(end)].map(of)
}

function tell(isLost: boolean): { runId: string; atMs: number } {
  const atMs = Date.now()
  const runId = deterministicRunId(atMs, `alerts/${runs++}`)
  for (const fact of story(runId, atMs, isLost)) alerting.bus.publish(fact)
  return { runId, atMs }
}

/** Null when it did not come in time. */
const awaited = (status: HeardAlert['status'], labels: Readonly<Record<string, string>>, withinMs: number) =>
  until(
    () => Promise.resolve(alerting.heard(status, labels)),
    (alert) => alert !== null,
    withinMs,
  )

test("the shipped rules are right by Prometheus' own tool", async () => {
  const promtool = join(await programs.prometheus(() => undefined), 'usr/bin/promtool')
  const run = async (...args: string[]) => (await promisify(execFile)(promtool, args)).stdout
  expect(await run('check', 'rules', join(RULES, 'rules/recording.yml'), join(RULES, 'rules/alerts.yml'))).toMatch(/SUCCESS.*SUCCESS/s)
  expect(await run('check', 'config', '--syntax-only', join(RULES, '../../docker/prometheus.yml'))).toContain('SUCCESS')
  expect(await run('test', 'rules', join(RULES, 'tests/seconds.test.yml'), join(RULES, 'tests/minutes.test.yml'))).toMatch(
    /SUCCESS.*SUCCESS/s,
  )
})

test('the running reporter exports what METRICS.md says', async () => {
  const exported = typesIn(await alerting.scraped()).map((line) => line.split(' ')[0] as string)
  const documented = [...documentedMetrics('every agent'), ...documentedMetrics('reporter')].map((line) => line.split(' ')[0] as string)
  expect(exported.filter((name) => name.startsWith('assay_')).sort()).toEqual(documented.sort())
})

test('Prometheus keeps the traces of slow answers as exemplars', async () => {
  const exemplars = await until(
    () => alerting.exemplars('assay_prober_latency_seconds_bucket'),
    (found) => found.length > 0,
    LIMIT_MS,
  )
  expect(exemplars).toEqual([alerting.tracedAnswer])
})

test('a run that passes fires nothing', async () => {
  const { runId } = tell(false)
  expect(
    await until(
      () => alerting.value('assay_runs_total{verdict="pass"}'),
      (count) => count === 1,
      LIMIT_MS,
    ),
  ).toBe(1)
  expect(runId).toMatch(/^[0-9a-f-]{36}$/)
  expect(await awaited('firing', { alertname: 'AssayWatchdog' }, LIMIT_MS)).toMatchObject({
    path: '/watchdog',
  })
  expect(alerting.all().filter(({ path }) => path === '/team')).toEqual([])
})

test('a planted loss fires within a minute, reaches a webhook with run, hop and report, and ends with the next pass', async () => {
  const lost = tell(true)
  const violation = await awaited('firing', { alertname: 'AssayViolation', hop: CLEAN, violation: 'lost' }, LIMIT_MS)
  expect((violation?.atMs ?? Infinity) - lost.atMs).toBeLessThan(LIMIT_MS)
  expect(violation?.annotations['runbook_url']).toBe('http://reporter.test/runbooks#assayviolation')
  expect(await alerting.exemplars('assay_hop_violations_total{violation="lost"}')).toEqual([TRACE])
  const failed = await awaited('firing', { alertname: 'AssayRunFailed' }, LIMIT_MS)
  expect(failed).toMatchObject({
    labels: { hop: CLEAN, verdict: 'fail', plan: 'told', severity: 'critical' },
    annotations: {
      run: lost.runId,
      report: `http://reporter.test/runs/${lost.runId}`,
      trace: TRACE,
      runbook_url: 'http://reporter.test/runbooks#assayrunfailed',
    },
  })
  expect(failed?.annotations['summary']).toContain('1 lost at topic:clean')
  const last = () => alerting.value('ALERTS{alertname="AssayLastRunFailed", alertstate="firing"}')
  expect(await until(last, (firing) => firing === 1, LIMIT_MS)).toBe(1)

  tell(false)
  const over = await awaited('resolved', { alertname: 'AssayRunFailed', hop: CLEAN }, LIMIT_MS)
  expect(over?.annotations['run']).toBe(lost.runId)
  expect(await until(last, (firing) => firing === null, LIMIT_MS)).toBeNull()
  // The reporter's own alert says it better: this one was held back.
  expect(alerting.heard('firing', { alertname: 'AssayLastRunFailed' })).toBeNull()
})

test('a reporter that stops is missed, and comes back', async () => {
  expect(alerting.heard('firing', { alertname: 'AssayReporterGone' })).toBeNull()
  await alerting.stopReporter()
  const gone = await awaited('firing', { alertname: 'AssayReporterGone' }, 2 * LIMIT_MS)
  expect(gone?.labels['severity']).toBe('critical')
  await alerting.startReporter()
  expect(await awaited('resolved', { alertname: 'AssayReporterGone' }, 2 * LIMIT_MS)).not.toBeNull()
  // It has read again that runs were judged: that is no news.
  expect(
    await until(
      () => alerting.value('assay_run_last_verdict{verdict="pass"}'),
      (last) => last === 1,
      LIMIT_MS,
    ),
  ).toBe(1)
  expect(await alerting.value('assay_runs_total{verdict="fail"}')).toBe(0)
})

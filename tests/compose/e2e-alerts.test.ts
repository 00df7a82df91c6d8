import { expect, test } from 'vitest'
import { OF_PLANTED_LOSS, otherAlerts, toldAlerts } from '../../compose/docker/e2e/alerts.ts'
import { RUN_FAILED } from '../../agents/reporter/alerts.ts'
import { alerts } from '../../compose/observability/prometheus/rules.ts'

const message = (...told: (readonly [alertname: string, status: string])[]) =>
  JSON.stringify({ alerts: told.map(([alertname, status]) => ({ status, labels: { alertname }, annotations: {} })) })
const log = [
  'listening',
  message(['AssayWatchdog', 'firing'], ['AssayViolation', 'firing']),
  message(['AssayAgentDown', 'firing']),
  message(['AssayAgentDown', 'resolved'], ['AssayFactsWait', 'resolved']),
].join('\n')

test('an alert that nobody expects is named once, by what the webhook was told', () => {
  expect(toldAlerts(log)).toHaveLength(5)
  expect(otherAlerts(log, OF_PLANTED_LOSS)).toEqual(['AssayAgentDown'])
  expect(otherAlerts(log, [...OF_PLANTED_LOSS, 'AssayAgentDown'])).toEqual([])
  expect(otherAlerts('', [])).toEqual([])
})

test('those that are expected exist', () => {
  const there = [RUN_FAILED, ...alerts.map(({ name }) => name)]
  expect(OF_PLANTED_LOSS.filter((name) => !there.includes(name))).toEqual([])
})

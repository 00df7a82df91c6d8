import { expect, test } from 'vitest'
import { isSlowByItself, OF_PLANTED_LOSS, otherAlerts, toldAlerts } from '../../compose/docker/e2e/alerts.ts'
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

const answered = (route: string, { limit, within, all }: { limit: string; within: number; all: number }) => `
query_api_request_duration_seconds_bucket{le="${limit}",route="${route}"} ${within}
query_api_request_duration_seconds_bucket{le="+Inf",route="${route}"} ${all}
query_api_request_duration_seconds_count{route="${route}"} ${all}`

test('an API is slow by itself where fewer than 95 of 100 of its answers came in time', () => {
  const trades = (within: number) => answered('/trades/:tradeId', { limit: '0.05', within, all: 200 })
  const stats = (within: number) => answered('/symbols/:symbol/stats', { limit: '0.1', within, all: 200 })
  expect(isSlowByItself(trades(190) + stats(190))).toBe(false)
  expect(isSlowByItself(trades(189) + stats(190))).toBe(true)
  expect(isSlowByItself(trades(190) + stats(189))).toBe(true)
  expect(isSlowByItself('')).toBe(false)
})

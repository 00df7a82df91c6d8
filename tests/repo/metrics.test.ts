import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { RUN_FAILED } from '../../agents/reporter/alerts.ts'
import { alertmanagerSettings } from '../../compose/observability/alertmanager/settings.ts'
import { grafanaFiles } from '../../compose/observability/grafana/generated.ts'
import { alerts, recordings } from '../../compose/observability/prometheus/rules.ts'
import { stories } from '../../compose/observability/prometheus/stories.ts'
import { createMetrics } from '../../shared/runtime/metrics.ts'
import { metricTables } from './docs.ts'
import { documentedMetrics, typesIn } from './documented-metrics.ts'
import { exportedMetrics } from './exported-metrics.ts'
import { readPromql } from './promql-text.ts'

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
const sorted = (names: Iterable<string>) => [...new Set(names)].sort()

describe('METRICS.md', async () => {
  const tables = await metricTables()
  const [shared] = tables
  test.each(tables.slice(1).map(({ owner, rows }) => [owner, rows] as const))(
    'names what %s exports, and nothing else',
    async (owner, rows) => {
      const { text } = await createMetrics([...(shared?.rows ?? []), ...rows], { processMetrics: false }).text()
      const exported = typesIn(text)
      expect(documentedMetrics(owner).length).toBeGreaterThan(0)
      expect(sorted(exported)).toEqual(sorted([...documentedMetrics('every agent'), ...documentedMetrics(owner)]))
      const series = [...text.matchAll(/^(\w+?)(_bucket|_sum|_count)?(\{| )/gm)].map(([, name]) => name as string)
      // At 0 from the start: no metric stands there without a series.
      expect(sorted(exported.map((line) => line.split(' ')[0] as string)).filter((name) => !series.some((of) => of === name))).toEqual([])
    },
  )

  test('names what every process exports besides, which alerts and dashboards use, and nothing else', async () => {
    const documented = documentedMetrics('every process')
    expect(sorted(typesIn((await createMetrics([]).text()).text))).toEqual(sorted(documented))
    const names = documented.map((line) => line.split(' ')[0] as string)
    const boards = Object.values(grafanaFiles()).join('\n')
    const used = sorted([...alerts.map(({ expr }) => expr), boards].join('\n').match(/\b(process|nodejs)_[a-z0-9_]+/g) ?? [])
    expect(used.length).toBeGreaterThan(4)
    expect(used.filter((name) => !names.includes(name.replace(/_(sum|count|bucket)$/, '')))).toEqual([])
  })
})

describe('rules', async () => {
  const known = await exportedMetrics()
  const rules = [...recordings.map(({ record, expr }) => [record, expr] as const), ...alerts.map(({ name, expr }) => [name, expr] as const)]

  test.each(rules)('%s asks for what is exported, by labels that are there', (_name, expr) => {
    expect(readPromql(expr, known).problems).toEqual([])
  })

  test.each(alerts.map((alert) => [alert.name, alert] as const))(
    '%s can be acted on',
    (name, { expr, labels, annotations, means, look, act }) => {
      expect(['critical', 'warning', 'none']).toContain(labels['severity'])
      expect([means, ...look, ...act].every((text) => text.length > 10)).toBe(true)
      expect(read('compose/observability/RUNBOOKS.md')).toContain(`## ${name}\n`)
      const [, anchor] =
        new RegExp(`alert: "${name}"[^]*?/runbooks#(\\w+)"`).exec(read('compose/observability/prometheus/rules/alerts.yml')) ?? []
      expect(read('agents/reporter/page/browser/runbooks.html')).toContain(`<section id="${anchor ?? 'nowhere'}"`)
      const has = readPromql(expr, known).labels ?? new Set()
      const used = [
        ...Object.values(annotations)
          .join(' ')
          .matchAll(/\$labels\.(\w+)/g),
      ].map(([, label]) => label as string)
      expect(used.filter((label) => !has.has(label))).toEqual([])
    },
  )

  test('Alertmanager routes and inhibits by names of alerts that exist', () => {
    const named = [...JSON.stringify(alertmanagerSettings()).matchAll(/alertname=~\\"([^\\]+)\\"/g)].flatMap(([, names = '']) =>
      names.split('|'),
    )
    // The last is the reporter's own.
    const there = [...alerts.map(({ name }) => name), RUN_FAILED]
    expect(named.length).toBeGreaterThan(5)
    expect(named.filter((name) => !there.includes(name))).toEqual([])
  })

  test.each(alerts.map(({ name }) => name))('%s is shown guilty and innocent', (name) => {
    const times = stories
      .filter(({ alert }) => alert === name)
      .flatMap(({ at, series }) => Object.values(at).map((firing) => ({ firing, series })))
    const isShownSilent = times.some(({ firing, series }) => firing.length === 0 || firing.length < hopsIn(series))
    expect([times.some(({ firing }) => firing.length > 0), isShownSilent]).toEqual([true, name !== 'AssayWatchdog'])
  })

  test.each(stories.map((story) => [`${story.alert}: ${story.title}`, story] as const))(
    'the story %s has series as they are exported',
    (_title, story) => {
      expect(alerts.map(({ name }) => name)).toContain(story.alert)
      // Hops and targets are those of the story.
      const anywhere = new Map(
        [...known].map(([name, labels]) => [
          name,
          { ...labels, ...('hop' in labels ? { hop: null } : {}), ...('target' in labels ? { target: null } : {}) },
        ]),
      )
      for (const series of Object.keys(story.series)) expect(readPromql(series, anywhere).problems).toEqual([])
    },
  )
})

/** Where a story tells of several at once, those that do not fire are the innocent. */
const hopsIn = (series: Readonly<Record<string, string>>) =>
  new Set(Object.keys(series).map((name) => /(?:hop|agent|target)="([^"]+)"/.exec(name)?.[1])).size

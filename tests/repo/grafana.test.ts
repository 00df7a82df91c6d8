import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { boardUids } from '../../compose/observability/grafana/board.ts'
import { alertRules, grafanaTemplate, type AlertSource } from '../../compose/observability/grafana/alert-rules.ts'
import { grafanaVariables } from '../../compose/observability/grafana/data-sources.ts'
import { builtBoards, grafanaFiles, panelAbout } from '../../compose/observability/grafana/generated.ts'
import { awaited, exportedMetrics } from './exported-metrics.ts'
import {
  boardShape,
  contactPointsFile,
  dataSourcesFile,
  policiesFile,
  providersFile,
  rulesFile,
  type BoardShape,
  type PanelShape,
} from './grafana-shapes.ts'
import { readPromql, type KnownLabels } from './promql-text.ts'

// Whether the files are those that are generated is a matter of docs.test.ts.
const files = grafanaFiles()
const textOf = (path: string): string => files[path] ?? expect.unreachable(`no ${path} is generated`)
const boards: readonly BoardShape[] = builtBoards.map(({ uid }) => boardShape.parse(JSON.parse(textOf(`dashboards/${uid}.json`))))
const exported = await exportedMetrics()
const known = new Map([...exported, ...[...awaited].map(([name, labels]) => [name, { ...labels, ...exported.get(name) }] as const)])
const sources = dataSourcesFile.parse(parse(textOf('provisioning/datasources/assay.yaml'))).datasources
const provisioned = rulesFile.parse(parse(textOf('provisioning/alerting/rules.yaml'))).groups.flatMap((group) => group.rules)

const composeFile = z.object({
  services: z.object({ grafana: z.object({ volumes: z.array(z.string()), environment: z.record(z.string(), z.string()) }) }),
})

const sampleAlerts: readonly AlertSource[] = [
  {
    name: 'CanariesLost',
    group: 'pipeline',
    expr: 'sum by (hop) (increase(assay_hop_violations_total{violation="lost"}[5m])) > 0',
    keepFiringFor: '5m',
    labels: { severity: 'critical' },
    annotations: { summary: 'lost at {{ $labels.hop }}: {{ $value }}' },
  },
  { name: 'AgentDown', group: 'watcher', expr: 'up{job="assay"} == 0', for: '1m', labels: { severity: 'warning' }, annotations: {} },
]

const panels = boards.flatMap((board) => board.panels.filter(({ type }) => type !== 'row').map((panel) => ({ board, panel })))
const named = panels.map(({ board, panel }) => [`${board.uid}: ${panel.title}`, board, panel] as const)
const variablesOf = (board: BoardShape) => board.templating.list.map(({ name }) => name)

test('what is exported is awaited no more', () => {
  const isExported = (name: string, labels: KnownLabels) => Object.keys(labels).every((label) => label in (exported.get(name) ?? {}))
  expect([...awaited].filter(([name, labels]) => isExported(name, labels)).map(([name]) => name)).toEqual([])
})

test('no file lies there that is not generated', () => {
  const lying = ['dashboards', 'provisioning'].flatMap((folder) =>
    readdirSync(new URL(`../../compose/observability/grafana/${folder}/`, import.meta.url), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => join(parentPath, name).replace(/^.*observability\/grafana\//, '')),
  )
  expect(lying.sort()).toEqual(Object.keys(files).sort())
})

test('there are five dashboards, under uids that links can rely on', () => {
  expect(boards.map(({ uid }) => uid)).toEqual([...boardUids])
  expect(panels.length).toBeGreaterThan(60)
})

describe.each(named)('panel %s', (_name, board, panel) => {
  test('says what it shows, in which unit', () => {
    expect(panel.description ?? '').toMatch(/^\S.{18,}[.:]/s)
    expect(panel.fieldConfig?.defaults.unit).toMatch(/^\w+$/)
  })

  test('asks for what is exported, by labels that are there', () => {
    for (const { expr = '', legendFormat = '', format } of panel.targets ?? []) {
      if (expr === '') continue
      const { problems, labels } = readPromql(expr, known)
      expect({ expr, problems }).toEqual({ expr, problems: [] })
      const shown = format === 'table' ? [] : [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label]) => label)
      expect(shown.filter((label) => label !== 'le' && !labels?.has(label as string))).toEqual([])
    }
  })

  test('names only variables and dashboards that exist', () => {
    const text = JSON.stringify(panel)
    expect(strangers(text, board)).toEqual([])
    expect([...text.matchAll(/\/d\/([\w-]+)/g)].map(([, uid]) => uid).filter((uid) => !boards.some((other) => other.uid === uid))).toEqual(
      [],
    )
    for (const [, uid, name] of text.matchAll(/\/d\/([\w-]+)[^"]*?var-(\w+)=/g)) {
      expect(boards.filter((other) => other.uid === uid).flatMap(variablesOf)).toContain(name)
    }
  })
})

/** Variables that are neither the dashboard's nor Grafana's. */
function strangers(text: string, board: BoardShape): string[] {
  const own = new Set(variablesOf(board))
  return [...text.matchAll(/\$\{?([A-Za-z_]\w*)/g)]
    .map(([, name]) => name as string)
    .filter((name) => !name.startsWith('__') && !own.has(name))
}

describe.each(boards.map((board) => [board.uid, board] as const))('dashboard %s', (_uid, board) => {
  test('lays out its panels side by side, none over another', () => {
    const { panels: all } = board
    expect(new Set(all.map(({ id }) => id)).size).toBe(all.length)
    expect(all.filter(({ gridPos: { x, w } }) => x + w > 24).map(({ title }) => title)).toEqual([])
    const pairs = all.flatMap((one, index) => all.slice(index + 1).map((other) => [one, other] as const))
    expect(pairs.filter(([one, other]) => overlap(one, other)).map((pair) => pair.map(({ title }) => title))).toEqual([])
  })

  test('fills each line from edge to edge, with panels of one height', () => {
    for (const [y, line] of Map.groupBy(board.panels, ({ gridPos }) => gridPos.y)) {
      const width = line.reduce((sum, { gridPos }) => sum + gridPos.w, 0)
      expect([y, width, new Set(line.map(({ gridPos }) => gridPos.h)).size]).toEqual([y, 24, 1])
    }
  })

  test('has variables whose values come from series that exist', () => {
    for (const { name, type, definition = '' } of board.templating.list) {
      if (type !== 'query') continue
      const [, selector = '', label = ''] = /^label_values\((.+), (\w+)\)$/.exec(definition) ?? []
      const { problems, labels } = readPromql(selector, known)
      expect({ name, problems }).toEqual({ name, problems: [] })
      expect([label, labels?.has(label)]).toEqual([name, true])
    }
  })

  test('finds the others by their tag, and shows the marks of the reporter', () => {
    expect(board.links[0]).toMatchObject({ type: 'dashboards', tags: ['assay'] })
    expect(board.tags).toEqual(['assay'])
    expect(board.annotations.list.map(({ target }) => target.tags.join(' '))).toEqual([
      'assay fault',
      'assay verdict pass',
      'assay verdict fail',
      'assay verdict inconclusive',
    ])
  })

  test('asks only data sources that are provisioned', () => {
    const refs = [...JSON.stringify(board).matchAll(/"datasource":\{"type":"([^"]+)","uid":"([^"]+)"\}/g)].map(
      ([, type, uid]) => `${type} ${uid}`,
    )
    const there = [...sources.map(({ type, uid }) => `${type} ${uid}`), 'grafana -- Grafana --']
    expect(refs.length).toBeGreaterThan(10)
    expect(refs.filter((ref) => !there.includes(ref))).toEqual([])
  })
})

test('a panel over another and a variable of nobody are seen', () => {
  const [board, panel] = [boards[0] as BoardShape, panels[0]?.panel as PanelShape]
  const moved = (by: object) => ({ ...panel, gridPos: { ...panel.gridPos, ...by } })
  expect(overlap(panel, moved({ x: panel.gridPos.x + panel.gridPos.w - 1 }))).toBe(true)
  expect(overlap(panel, moved({ x: panel.gridPos.x + panel.gridPos.w }))).toBe(false)
  expect(strangers('rate(x{a="$other", b="${third}"}[$__rate_interval])', board)).toEqual(['other', 'third'])
})

function overlap({ gridPos: a }: PanelShape, { gridPos: b }: PanelShape): boolean {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h
}

describe('provisioning', () => {
  test('links the two data sources with one another', () => {
    const [prometheus, jaeger] = sources
    if (prometheus?.type !== 'prometheus' || jaeger?.type !== 'jaeger') expect.unreachable('two data sources, in this order')
    expect(sources.map(({ isDefault }) => isDefault)).toEqual([true, false])
    expect(prometheus.jsonData.exemplarTraceIdDestinations).toMatchObject([{ name: 'trace_id', datasourceUid: jaeger.uid }])
    expect(jaeger.jsonData.tracesToMetrics.datasourceUid).toBe(prometheus.uid)
    for (const { query } of jaeger.jsonData.tracesToMetrics.queries) {
      const asked = query.replace('$$__tags', jaeger.jsonData.tracesToMetrics.tags.map(({ value }) => `${value}="$x"`).join(','))
      expect({ asked, problems: readPromql(asked, known).problems }).toEqual({ asked, problems: [] })
    }
  })

  test('finds the dashboards where Compose puts them, and is told every address it asks for', () => {
    const { providers } = providersFile.parse(parse(textOf('provisioning/dashboards/assay.yaml')))
    const { grafana } = composeFile.parse(parse(readFileSync(new URL('../../compose/compose.yaml', import.meta.url), 'utf8'))).services
    expect(grafana.volumes).toEqual(
      expect.arrayContaining([
        ...providers.map(({ options }) => `./observability/grafana/dashboards:${options.path}:ro`),
        './observability/grafana/provisioning:/etc/grafana/provisioning:ro',
      ]),
    )
    const asked = Object.values(files).flatMap((text) => [...text.matchAll(/"\$\{([A-Z_]+)\}[^"]*"/g)].map(([, name]) => name as string))
    expect(new Set(asked)).toEqual(new Set(Object.keys(grafanaVariables)))
    expect(asked.filter((name) => (grafana.environment[name] ?? '') === '')).toEqual([])
  })

  test('sends alerts to a contact point that is there', () => {
    const points = contactPointsFile.parse(parse(textOf('provisioning/alerting/contact-points.yaml'))).contactPoints.map(({ name }) => name)
    const { policies } = policiesFile.parse(parse(textOf('provisioning/alerting/notification-policies.yaml')))
    expect(policies.flatMap(({ receiver, routes }) => [receiver, ...routes.map((route) => route.receiver)])).toEqual([
      'assay-webhook',
      'assay-webhook',
    ])
    expect(points).toEqual(['assay-webhook'])
  })

  test('has the alerts of Prometheus, each with a panel that shows what it is about', () => {
    const told = rulesFile.parse(alertRules(sampleAlerts, panelAbout)).groups.flatMap((group) => group.rules)
    expect(told).toHaveLength(sampleAlerts.length)
    expect(told[0]).toMatchObject({
      uid: 'assay-CanariesLost',
      for: '0s',
      keepFiringFor: '5m',
      labels: { severity: 'critical' },
      annotations: { summary: 'lost at {{ .Labels.hop }}: {{ .Values.query.Value }}' },
      dashboardUid: 'assay-overview',
    })
    const rules = [...told, ...provisioned]
    expect(new Set(rules.map(({ uid }) => uid)).size).toBe(rules.length)
    for (const { title, data, condition, dashboardUid, panelId } of rules) {
      const [{ model }] = data
      expect({ title, problems: readPromql(model.expr, known).problems }).toEqual({ title, problems: [] })
      expect(condition).toBe(data[2].refId)
      expect(data[2].model.expression).toBe(data[1].refId)
      // One that always fires shows nothing.
      if (!model.expr.includes('assay')) continue
      const board = boards.find(({ uid }) => uid === dashboardUid)
      expect([title, board?.panels.some(({ id, type }) => id === panelId && type !== 'row')]).toEqual([title, true])
    }
  })

  test.each([
    ['{{ $labels.hop }}: {{ $value | humanizePercentage }}', '{{ .Labels.hop }}: {{ .Values.query.Value | humanizePercentage }}'],
    ['{{ .Labels.hop }} {{ .Value }} of $5', '{{ .Labels.hop }} {{ .Values.query.Value }} of $5'],
    ['{{ if gt $value 1.0 }}much{{ end }}', '{{ if gt .Values.query.Value 1.0 }}much{{ end }}'],
  ])('reads the template %s as Grafana does', (prometheus, grafana) => {
    expect(grafanaTemplate(prometheus)).toBe(grafana)
  })
})

import { z } from 'zod'

/** Grafana's provisioning files as its documentation gives them, as far as Assay uses them; anything else is a mistake. */

const uid = z.string().regex(/^[A-Za-z0-9_-]{1,40}$/)
const duration = z.string().regex(/^(\d+(ms|s|m|h|d|w|y))+$/)
const fromEnvironment = z.string().regex(/^\$\{[A-Z_]+\}$/)
const sourceRef = z.strictObject({ type: z.string().min(1), uid: z.string().min(1) })

const prometheusSettings = z.strictObject({
  httpMethod: z.enum(['POST', 'GET']),
  prometheusType: z.enum(['Prometheus', 'Mimir', 'Cortex', 'Thanos']),
  timeInterval: duration,
  manageAlerts: z.boolean(),
  exemplarTraceIdDestinations: z.array(z.strictObject({ name: z.string(), datasourceUid: uid, urlDisplayLabel: z.string() })),
})

const jaegerSettings = z.strictObject({
  nodeGraph: z.strictObject({ enabled: z.boolean() }),
  spanBar: z.strictObject({ type: z.enum(['None', 'Duration', 'Tag']), tag: z.string() }),
  traceIdTimeParams: z.strictObject({ enabled: z.boolean() }),
  tracesToMetrics: z.strictObject({
    datasourceUid: uid,
    spanStartTimeShift: z.string().regex(/^-?\d+[smh]$/),
    spanEndTimeShift: z.string().regex(/^-?\d+[smh]$/),
    tags: z.array(z.strictObject({ key: z.string(), value: z.string() })),
    // Unescaped, the environment would be put there.
    queries: z.array(z.strictObject({ name: z.string().min(1), query: z.string().includes('$$__tags') })).min(1),
  }),
})

const dataSource = {
  name: z.string().min(1),
  uid,
  access: z.literal('proxy'),
  orgId: z.int().positive(),
  url: fromEnvironment,
  isDefault: z.boolean(),
  editable: z.boolean(),
}

export const dataSourcesFile = z.strictObject({
  apiVersion: z.literal(1),
  prune: z.boolean(),
  datasources: z.array(
    z.discriminatedUnion('type', [
      z.strictObject({ type: z.literal('prometheus'), ...dataSource, jsonData: prometheusSettings }),
      z.strictObject({ type: z.literal('jaeger'), ...dataSource, jsonData: jaegerSettings }),
    ]),
  ),
})

export const providersFile = z.strictObject({
  apiVersion: z.literal(1),
  providers: z.array(
    z.strictObject({
      name: z.string().min(1),
      orgId: z.int().positive(),
      folder: z.string().min(1),
      folderUid: uid,
      type: z.literal('file'),
      disableDeletion: z.boolean(),
      allowUiUpdates: z.boolean(),
      updateIntervalSeconds: z.int().min(10),
      options: z.strictObject({ path: z.string().startsWith('/'), foldersFromFilesStructure: z.boolean() }),
    }),
  ),
})

const step = { refId: z.string().min(1), relativeTimeRange: z.strictObject({ from: z.int().nonnegative(), to: z.int().nonnegative() }) }
const queryModel = { datasource: sourceRef, refId: z.string() }

const querySteps = z.tuple([
  z.strictObject({
    ...step,
    datasourceUid: uid,
    model: z.strictObject({ ...queryModel, expr: z.string().min(1), instant: z.literal(true), range: z.literal(false) }),
  }),
  z.strictObject({
    ...step,
    queryType: z.literal('math'),
    datasourceUid: z.literal('__expr__'),
    model: z.strictObject({ ...queryModel, type: z.literal('math'), expression: z.string().includes('$query') }),
  }),
  z.strictObject({
    ...step,
    queryType: z.literal('threshold'),
    datasourceUid: z.literal('__expr__'),
    model: z.strictObject({
      ...queryModel,
      type: z.literal('threshold'),
      expression: z.string().min(1),
      conditions: z.tuple([z.strictObject({ evaluator: z.strictObject({ type: z.literal('gt'), params: z.tuple([z.number()]) }) })]),
    }),
  }),
])

// Grafana puts its environment where a dollar stands, in some versions only in braces: none may stand there but that of an address at the beginning.
const texts = z.record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), z.string().regex(/^(\$\{ASSAY_[A-Z_]+\})?[^$]*$/))

export const rulesFile = z.strictObject({
  apiVersion: z.literal(1),
  groups: z.array(
    z.strictObject({
      orgId: z.int().positive(),
      name: z.string().min(1),
      folder: z.string().min(1),
      interval: duration,
      rules: z
        .array(
          z.strictObject({
            uid,
            title: z.string().min(1),
            condition: z.string(),
            data: querySteps,
            dashboardUid: uid.optional(),
            panelId: z.int().positive().optional(),
            noDataState: z.enum(['NoData', 'Alerting', 'OK', 'KeepLast']),
            execErrState: z.enum(['Error', 'Alerting', 'OK', 'KeepLast']),
            for: duration,
            keepFiringFor: duration,
            annotations: texts,
            labels: texts,
            isPaused: z.boolean(),
          }),
        )
        .min(1),
    }),
  ),
})

export const contactPointsFile = z.strictObject({
  apiVersion: z.literal(1),
  contactPoints: z.array(
    z.strictObject({
      orgId: z.int().positive(),
      name: z.string().min(1),
      receivers: z.array(
        z.strictObject({
          uid,
          type: z.literal('webhook'),
          disableResolveMessage: z.boolean(),
          settings: z.strictObject({ url: fromEnvironment, httpMethod: z.enum(['POST', 'PUT']), maxAlerts: z.string().regex(/^\d+$/) }),
        }),
      ),
    }),
  ),
})

const route = z.strictObject({
  receiver: z.string().min(1),
  object_matchers: z.array(z.tuple([z.string(), z.enum(['=', '!=', '=~', '!~']), z.string()])).min(1),
  group_wait: duration,
  repeat_interval: duration,
})

export const policiesFile = z.strictObject({
  apiVersion: z.literal(1),
  policies: z.array(
    z.strictObject({
      orgId: z.int().positive(),
      receiver: z.string().min(1),
      group_by: z.array(z.string().min(1)),
      group_wait: duration,
      group_interval: duration,
      repeat_interval: duration,
      routes: z.array(route),
    }),
  ),
})

const gridPos = z.object({ x: z.int().min(0), y: z.int().min(0), w: z.int().min(1).max(24), h: z.int().min(1) })

/** What the tests look at of a panel; rows have neither unit nor queries. */
export const panelShape = z.object({
  id: z.int().positive(),
  type: z.string(),
  title: z.string().min(1),
  gridPos,
  description: z.string().optional(),
  datasource: sourceRef.optional(),
  fieldConfig: z
    .object({ defaults: z.object({ unit: z.string().optional(), links: z.array(z.object({ url: z.string() })).optional() }) })
    .optional(),
  targets: z
    .array(
      z.object({
        refId: z.string(),
        datasource: sourceRef,
        expr: z.string().optional(),
        legendFormat: z.string().optional(),
        format: z.string().optional(),
        instant: z.boolean().optional(),
      }),
    )
    .optional(),
})
export type PanelShape = z.infer<typeof panelShape>

export const boardShape = z.object({
  uid,
  title: z.string().startsWith('Assay · '),
  description: z.string().min(20),
  schemaVersion: z.int().min(39),
  refresh: z.string(),
  tags: z.array(z.string()),
  links: z.array(z.object({ type: z.string(), tags: z.array(z.string()), url: z.string().optional() })),
  panels: z.array(panelShape).min(5),
  templating: z.object({
    list: z
      .array(
        z.object({
          name: z.string(),
          type: z.string(),
          datasource: sourceRef.optional(),
          definition: z.string().optional(),
          description: z.string(),
        }),
      )
      .default([]),
  }),
  annotations: z.object({
    list: z.array(z.object({ name: z.string(), datasource: sourceRef, target: z.object({ tags: z.array(z.string()) }) })),
  }),
})
export type BoardShape = z.infer<typeof boardShape>

import { yamlText } from '../../../schemas/yaml-text.ts'
import { alertmanagerSettings } from '../alertmanager/settings.ts'
import { alerts, recordings, type Alert, type Recording } from './rules.ts'
import { runbookLink, runbooksText } from './runbooks.ts'
import { ADDRESS_LABEL, composedTargets, prometheusSettings } from './settings.ts'
import { stories, type Story } from './stories.ts'

/** Where a Prometheus was not told its reporter's address, this one is on the same machine. */
const UNNAMED = 'http://127.0.0.1:18090'
const HEAD = '# Generated from compose/observability by `npm run docs`. Do not edit.\n'

/** Texts by path below compose. */
export function prometheusFiles(): Record<string, string> {
  const recorded = [...Map.groupBy(recordings, ({ every }) => every)]
  const alerted = [...Map.groupBy(alerts, ({ group }) => group)]
  return {
    'observability/prometheus/rules/recording.yml': yaml({
      groups: recorded.map(([interval, members]) => ({ name: `assay-${interval}`, interval, rules: members.map(recordingOf) })),
    }),
    'observability/prometheus/rules/alerts.yml': yaml({
      groups: alerted.map(([name, members]) => ({ name, rules: members.map(ruleOf) })),
    }),
    // Hours of samples need not be looked at every five seconds.
    'observability/prometheus/tests/seconds.test.yml': yaml(testsOf(({ every }) => every !== '1m', '5s')),
    'observability/prometheus/tests/minutes.test.yml': yaml(testsOf(({ every }) => every === '1m', '1m')),
    'observability/RUNBOOKS.md': runbooksText(),
    'docker/prometheus.yml': yaml(
      prometheusSettings({
        everySeconds: 5,
        alertmanager: 'alertmanager:9093',
        rules: '/etc/prometheus/rules/*.yml',
        reporterUrl: '${ASSAY_REPORTER_URL}',
        targets: composedTargets,
      }),
    ),
    'docker/alertmanager.yml': `${HEAD}# Where alerts go: give a file of your own by ALERTMANAGER_CONFIG in .env, with this route and your receivers.\n${yamlText(alertmanagerSettings())}`,
  }
}

const yaml = (content: unknown) => HEAD + yamlText(content)

const recordingOf = ({ record, expr }: Recording) => ({ record, expr })

const ruleOf = ({ name, expr, for: pending, keepFiringFor, labels, annotations }: Alert) => ({
  alert: name,
  expr,
  ...(pending === undefined ? {} : { for: pending }),
  ...(keepFiringFor === undefined ? {} : { keep_firing_for: keepFiringFor }),
  labels,
  annotations: { ...annotations, runbook_url: runbookLink(`{{ or $externalLabels.${ADDRESS_LABEL} "${UNNAMED}" }}`, name) },
})

const testsOf = (belongs: (story: Story) => boolean, evaluatedEvery: string) => ({
  rule_files: ['../rules/recording.yml', '../rules/alerts.yml'],
  evaluation_interval: evaluatedEvery,
  tests: stories.filter(belongs).map(testOf),
})

const testOf = ({ title, alert, every, series, at }: Story) => ({
  name: `${alert}: ${title}`,
  interval: every,
  input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
  promql_expr_test: Object.entries(at).map(([time, firing]) => ({
    expr: `ALERTS{alertname="${alert}", alertstate="firing"}`,
    eval_time: time,
    exp_samples: firing.map((labels) => ({ labels: `ALERTS{alertname="${alert}", alertstate="firing", ${labels}}`, value: 1 })),
  })),
})

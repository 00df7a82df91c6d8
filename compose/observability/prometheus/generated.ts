import { yamlText } from '../../../schemas/yaml-text.ts'
import { alertmanagerSettings } from '../alertmanager/settings.ts'
import { alerts, recordings, type Alert, type Recording } from './rules.ts'
import { composedTargets, prometheusSettings } from './settings.ts'
import { stories, type Story } from './stories.ts'

const HEAD = '# Generated from compose/observability by `npm run docs`. Do not edit.\n'
const RUNBOOKS = 'compose/observability/RUNBOOKS.md'

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
    'observability/RUNBOOKS.md': runbooks(),
    'docker/prometheus.yml': yaml(
      prometheusSettings({
        everySeconds: 5,
        alertmanager: 'alertmanager:9093',
        rules: '/etc/prometheus/rules/*.yml',
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
  annotations: { ...annotations, runbook_url: `${RUNBOOKS}#${name.toLowerCase()}` },
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

function runbooks(): string {
  const list = (items: readonly string[]) => items.map((item) => `* ${item}`).join('\n')
  const sections = alerts.map(({ name, expr, for: pending, labels, means, look, act }) =>
    [
      `## ${name}`,
      `Severity ${labels['severity'] ?? 'none'}${pending === undefined ? '' : `, after ${pending}`}: \`${expr}\``,
      means,
      `**Look**\n\n${list(look)}`,
      `**Do**\n\n${list(act)}`,
    ].join('\n\n'),
  )
  return `# Runbooks\n\n${fromRules}\n\n${[...sections, runFailed].join('\n\n')}\n`
}

const fromRules =
  'Generated from `compose/observability/prometheus/` by `npm run docs`. Do not edit. What a recorded series stands for is in `prometheus/rules/recording.yml`.'

/** The one alert that no rule makes. */
const runFailed = `## AssayRunFailed

Severity critical. The reporter itself tells Alertmanager (\`ASSAY_ALERTMANAGER_URL\`), since no metric may carry the id of a run: one
alert for each plan, from the first thing that stands against a run of it, before the verdict, to its next run that passes.

A run has found the pipeline wrong. The alert says which run, at which hop first, what was expected and found there.

**Look**

* The page behind the link in the alert, and after the verdict the report there: its causes, both looks, and the commands by which to see a bad record yourself.
* The trace of the first bad record, by its id in Jaeger.

**Do**

* What stands between this hop and the one before is the suspect: its deployments, restarts and logs of that time.
* After the repair, ask for the same plan again: the alert ends when it passes.`

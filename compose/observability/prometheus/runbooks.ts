import { alerts, type Alert } from './rules.ts'

/** One alert's section, whether a rule makes the alert or the reporter. */
interface Runbook extends Pick<Alert, 'name' | 'means' | 'look' | 'act'> {
  /** How bad, when, and what is asked. */
  readonly condition: string
}

const runFailed: Runbook = {
  name: 'AssayRunFailed',
  condition:
    'Severity critical. The reporter itself tells Alertmanager (`ASSAY_ALERTMANAGER_URL`), since no metric may carry the id of a run: one alert for each plan, from the first thing that stands against a run of it, before the verdict, to its next run that passes. Labels `violation` and `hop` name the gravest of it: what is wrong with records before what is late or slow.',
  means: 'A run has found the pipeline wrong. The alert says which run, at which hop first, what was expected and found there.',
  look: [
    'The page behind the link in the alert, and the report there, which is written anew with the verdict: its causes, both looks, and the commands by which to see a bad record yourself.',
    'The trace of the first bad record, by its id in Jaeger.',
  ],
  act: [
    'What stands between this hop and the one before is the suspect: its deployments, restarts and logs of that time.',
    'After the repair, ask for the same plan again: the alert ends when it passes.',
  ],
}

const conditionOf = ({ expr, for: pending, labels }: Alert) =>
  `Severity ${labels['severity'] ?? 'none'}${pending === undefined ? '' : `, after ${pending}`}: \`${expr}\``

const runbooks: readonly Runbook[] = [...alerts.map((alert) => ({ ...alert, condition: conditionOf(alert) })), runFailed]

const anchorOf = (name: string) => name.toLowerCase()

/** The page that the reporter serves, at an alert's section. */
export const runbookLink = (reporterUrl: string, alert: string) => `${reporterUrl}/runbooks#${anchorOf(alert)}`

/** RUNBOOKS.md */
export function runbooksText(): string {
  const list = (items: readonly string[]) => items.map((item) => `* ${item}`).join('\n')
  const sections = runbooks.map(({ name, condition, means, look, act }) =>
    [`## ${name}`, condition, means, `**Look**\n\n${list(look)}`, `**Do**\n\n${list(act)}`].join('\n\n'),
  )
  return `# Runbooks\n\n${fromRules}\n\n${sections.join('\n\n')}\n`
}

const fromRules =
  'Generated from `compose/observability/prometheus/` by `npm run docs`. Do not edit. What a recorded series stands for is in `prometheus/rules/recording.yml`. The reporter serves the same at `/runbooks`, where the links in alerts lead.'

/** The same for a browser, in the dress of the reporter's page: no script, nothing from elsewhere. */
export function runbooksPage(): string {
  const links = runbooks.map(({ name }) => `<li><a href="#${anchorOf(name)}">${name}</a></li>`)
  return [
    '<!doctype html>',
    '<!-- Generated from compose/observability/prometheus by `npm run docs`. Do not edit. -->',
    '<html lang="en">',
    '<head>',
    '<meta charset="utf-8" />',
    '<meta name="viewport" content="width=device-width, initial-scale=1" />',
    '<meta name="color-scheme" content="light dark" />',
    '<title>Assay: runbooks</title>',
    '<link rel="icon" href="/page/icon.svg" />',
    '<link rel="stylesheet" href="/page/page.css" />',
    '</head>',
    '<body>',
    '<header class="top"><a class="brand" href="/">Assay</a></header>',
    '<main class="runbooks">',
    '<h1>Runbooks</h1>',
    `<nav aria-label="Alerts"><ul>${links.join('')}</ul></nav>`,
    ...runbooks.map(sectionOf),
    '</main>',
    '</body>',
    '</html>',
    '',
  ].join('\n')
}

function sectionOf({ name, condition, means, look, act }: Runbook): string {
  const list = (items: readonly string[]) => `<ul>${items.map((item) => `<li>${marked(item)}</li>`).join('')}</ul>`
  return [
    `<section id="${anchorOf(name)}" aria-labelledby="title-${anchorOf(name)}">`,
    `<h2 id="title-${anchorOf(name)}">${name}</h2>`,
    `<p>${marked(condition)}</p>`,
    `<p>${marked(means)}</p>`,
    `<h3>Look</h3>${list(look)}`,
    `<h3>Do</h3>${list(act)}`,
    '</section>',
  ].join('\n')
}

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

/** Text with code between backticks, as markup. */
const marked = (text: string) =>
  text.replaceAll(/[&<>"]/g, (character) => entities[character] as string).replaceAll(/`([^`]+)`/g, '<code>$1</code>')

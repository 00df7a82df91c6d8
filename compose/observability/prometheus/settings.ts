import { agentNames, type AgentName } from '../../../shared/core/agent.ts'

export interface ScrapeTarget {
  readonly agent: string
  /** `host:port` of its `/metrics`. */
  readonly address: string
}

export interface PrometheusWish {
  /** How often agents are asked, and rules evaluated. */
  readonly everySeconds: number
  /** `host:port`. */
  readonly alertmanager: string
  /** Path of rule files; the last part may hold `*`. */
  readonly rules: string
  readonly targets: readonly ScrapeTarget[]
  /** Where a reader of alerts finds the reporter; may name a variable of Prometheus' environment, `${NAME}`. */
  readonly reporterUrl: string
}

/** Which Assay an alert is of: the base of its links. */
export const ADDRESS_LABEL = 'assay_url'

const AGENT_PORT = 8_080

/** In no default profile: Prometheus asks for it all the same, so that it is seen as soon as it is started. */
export const OPTIONAL_AGENT: AgentName = 'chaos-injector'

/** The agents as they are found within Compose. */
export const composedTargets: readonly ScrapeTarget[] = agentNames.map((agent) => ({ agent, address: `${agent}:${AGENT_PORT}` }))

/** prometheus.yml: every agent is job `assay`, told apart by the label `agent`. */
export const prometheusSettings = ({ everySeconds, alertmanager, rules, targets, reporterUrl }: PrometheusWish) => ({
  global: {
    scrape_interval: `${everySeconds}s`,
    evaluation_interval: `${everySeconds}s`,
    external_labels: { [ADDRESS_LABEL]: reporterUrl },
  },
  alerting: { alertmanagers: [{ static_configs: [{ targets: [alertmanager] }] }] },
  rule_files: [rules],
  scrape_configs: [
    {
      job_name: 'assay',
      // The reporter tells of each agent under the same label.
      honor_labels: true,
      static_configs: targets.map(({ agent, address }) => ({ targets: [address], labels: { agent } })),
    },
  ],
})

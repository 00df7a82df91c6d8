import type { BusEffect, BusEvent } from '../../shared/core/bus-events.ts'
import type { Shell } from '../../shared/runtime/agent-loop.ts'
import type { AgentPorts } from '../../shared/runtime/run-agent.ts'
import { writeRunSpans } from '../../shared/runtime/run-spans.ts'
import type { Topology } from '../../topology/topology.ts'
import type { Alerter } from './alerts.ts'
import type { Annotator } from './annotations.ts'
import type { AuditObserver } from './audit/observer.ts'
import type { ReporterEffect, ReporterEvent, ReporterState } from './core.ts'
import { LiveMetrics } from './live-metrics.ts'
import type { Page } from './page/page.ts'
import { createRunReports, type RunReports, type RunReportsPorts } from './reports/run-reports.ts'

export interface ReporterPorts {
  readonly agent: Pick<AgentPorts, 'log' | 'logLinesOf' | 'metrics' | 'tracing'> & Partial<Pick<AgentPorts, 'onScrape' | 'config'>>
  readonly topology: Topology
  /** One folder a run. */
  readonly reportsDir: string
  readonly fetchRaw?: NonNullable<RunReportsPorts['fetchRaw']> | null
  readonly annotator?: Annotator
  readonly alerter?: Alerter
  readonly audit?: AuditObserver
  readonly page?: Pick<Page, 'onStep' | 'close'>
}

/** What stops an agent gives it some ten seconds. */
const SETTLE_MS = 7_000

type Send = (event: ReporterEvent) => void

/** Writes the reports, and shows verdicts as metrics; decides nothing. */
export class ReporterShell implements Shell<ReporterEvent, ReporterEffect, ReporterState> {
  readonly #ports: ReporterPorts
  readonly #live: LiveMetrics
  readonly #reports: RunReports

  constructor(ports: ReporterPorts) {
    this.#ports = ports
    this.#live = new LiveMetrics(ports.topology, ports.agent.metrics)
    this.#reports = createRunReports({ ...ports, nowMs: Date.now })
    ports.agent.onScrape?.((nowMs) => {
      this.#live.refresh(nowMs)
    })
  }

  perform(effect: ReporterEffect, send: Send): void {
    switch (effect.type) {
      case 'write-reports':
        void this.#reports.write(effect).then((paths) => {
          send({ type: 'reports-written', runId: effect.run.runId, paths })
        })
        if (effect.isEarly) return
        this.#ports.annotator?.tell(effect)
        writeRunSpans(this.#ports.agent.tracing, effect)
        return
      case 'publish':
      case 'request':
      case 'share-work':
        return
      default:
        effect satisfies never
    }
  }

  onStep(event: ReporterEvent | BusEvent, effects: readonly (ReporterEffect | BusEffect)[], state: ReporterState): void {
    this.#live.onStep(event, effects, state.works)
    this.#reports.hear(event)
    this.#ports.audit?.hear(event, state)
    for (const hearer of [this.#ports.alerter, this.#ports.annotator]) {
      if (event.type === 'fact') hearer?.hear(event.fact)
      else if (event.type === 'caught-up') hearer?.caughtUp()
    }
    this.#ports.page?.onStep(event, state.works)
  }

  async close(): Promise<void> {
    this.#ports.alerter?.close()
    await this.#ports.audit?.close()
    await this.#ports.annotator?.close()
    await this.#ports.page?.close()
    await this.#reports.settled(SETTLE_MS)
  }
}

import { mkdir, rename, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import type { BusEffect, BusEvent } from '../../shared/core/bus-events.ts'
import type { Shell } from '../../shared/runtime/agent-loop.ts'
import type { AgentPorts } from '../../shared/runtime/run-agent.ts'
import { writeRunSpans } from '../../shared/runtime/run-spans.ts'
import { ASSAY_VERSION } from '../../shared/runtime/version.ts'
import { hopName, type Topology } from '../../topology/topology.ts'
import type { Annotator } from './annotations.ts'
import type { ReporterEffect, ReporterEvent, WriteReports } from './core.ts'
import { reportFormats } from './reports/report-formats.ts'

export interface ReporterPorts {
  readonly agent: Pick<AgentPorts, 'log' | 'metrics' | 'tracing'>
  readonly topology: Topology
  /** One folder a run. */
  readonly reportsDir: string
  readonly annotator?: Annotator
}

type Send = (event: ReporterEvent) => void

/** Writes the reports, and shows verdicts as metrics; decides nothing. */
export class ReporterShell implements Shell<ReporterEvent, ReporterEffect> {
  readonly #ports: ReporterPorts

  constructor(ports: ReporterPorts) {
    this.#ports = ports
  }

  perform(effect: ReporterEffect, send: Send): void {
    switch (effect.type) {
      case 'write-reports':
        this.#ports.annotator?.tell(effect)
        void this.#writeReports(effect, send)
        writeRunSpans(this.#ports.agent.tracing, effect)
        return
      case 'publish':
      case 'request':
        return
      default:
        effect satisfies never
    }
  }

  onStep(_event: ReporterEvent | BusEvent, effects: readonly (ReporterEffect | BusEffect)[]): void {
    const { metrics } = this.#ports.agent
    for (const effect of effects) {
      if (effect.type !== 'publish' || effect.fact.kind !== 'run-judged') continue
      const { fact } = effect
      metrics.add('assay_runs_total', 1, { verdict: fact.verdict })
      for (const hop of fact.hops) {
        if (!this.#ports.topology.hops.some((known) => hopName(known) === hop.hop)) continue
        metrics.set('assay_hop_fidelity_ratio', hop.fidelity ?? Number.NaN, { hop: hop.hop })
        metrics.set('assay_hop_latency_p95_seconds', hop.p95Ms === null ? Number.NaN : hop.p95Ms / 1000, { hop: hop.hop })
        for (const { violation, count } of hop.violations) metrics.add('assay_hop_violations_total', count, { hop: hop.hop, violation })
      }
      for (const { recoveryMs } of fact.recoveries) if (recoveryMs !== null) metrics.set('assay_fault_recovery_seconds', recoveryMs / 1000)
    }
  }

  async close(): Promise<void> {
    await this.#ports.annotator?.close()
  }

  /** A disk that is full must not cost the verdict: what could not be written is logged, and left out of the list. */
  async #writeReports({ run, evidence, judgement, atMs }: WriteReports, send: Send): Promise<void> {
    const { log } = this.#ports.agent
    const folder = join(this.#ports.reportsDir, run.runId)
    const source = {
      run,
      evidence,
      judgement,
      atMs,
      environment: { assayVersion: ASSAY_VERSION, host: hostname(), pipelineKafka: this.#ports.topology.connections.kafka.bootstrap },
    }
    const paths: string[] = []
    for (const format of reportFormats) {
      const path = join(folder, format.fileName)
      try {
        await mkdir(folder, { recursive: true })
        await writeFile(`${path}.part`, format.render(source))
        await rename(`${path}.part`, path)
        paths.push(path)
      } catch (error) {
        log.error({ runId: run.runId, path, err: error }, 'a report could not be written')
      }
    }
    log.info({ runId: run.runId, verdict: judgement.verdict, reasons: judgement.reasons, paths }, 'judged')
    send({ type: 'reports-written', runId: run.runId, paths })
  }
}

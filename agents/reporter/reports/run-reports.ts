import { hostname } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import type { AgentPorts } from '../../../shared/runtime/run-agent.ts'
import { ASSAY_VERSION } from '../../../shared/runtime/version.ts'
import type { Topology } from '../../../topology/topology.ts'
import type { ReporterEvent, WriteReports } from '../core.ts'
import { FactKeeper } from './fact-keeper.ts'
import { inTurn } from './fetch-raw.ts'
import { lookPlacesOf, withoutUser } from './look-places.ts'
import { thisMachine } from './machine.ts'
import type { RawEvidence } from './raw-evidence.ts'
import { createReportSweeper } from './report-retention.ts'
import type { ReportEnvironment, ReportSource } from './report-source.ts'
import { writeReports } from './write-reports.ts'

export interface RunReportsPorts {
  readonly agent: Pick<AgentPorts, 'log' | 'logLinesOf'> & Partial<Pick<AgentPorts, 'config'>>
  readonly topology: Topology
  readonly reportsDir: string
  readonly nowMs: () => number
  readonly fetchRaw?: ((source: ReportSource) => Promise<RawEvidence>) | null
}

/** The reports of runs, and what their archives are made of. */
export interface RunReports {
  hear(event: ReporterEvent): void
  /** Gives the paths of what was written; never rejects. */
  write(judged: Omit<WriteReports, 'type'>): Promise<string[]>
  /** When the archives have what has to be fetched for them, or the time is up: who stops waits for it. */
  settled(withinMs: number): Promise<void>
}

/** Through the results topic and back. */
const OTHERS_TELL_WITHIN_MS = 2_000
const othersTold = () => sleep(OTHERS_TELL_WITHIN_MS)

export function createRunReports({ agent, topology, reportsDir, nowMs, fetchRaw = null }: RunReportsPorts): RunReports {
  const facts = new FactKeeper()
  const { log, logLinesOf } = agent
  const kept = agent.config?.reportsKept ?? { days: 0, runs: 0 }
  const sweeper = createReportSweeper({ reportsDir, kept, log, nowMs })
  const environment = environmentOf(topology, agent.config)
  const underWay = new Set<Promise<void>>()
  const fetchInTurn = fetchRaw === null ? null : inTurn(fetchRaw)
  return {
    hear(event) {
      if (event.type === 'fact') facts.hear(event.fact)
    },
    async write({ run, evidence, judgement, isEarly, atMs }) {
      const { paths, completed } = await writeReports(
        { run, evidence, judgement, isEarly, atMs, environment },
        { reportsDir, log, factsOf: (runId) => facts.of(runId), logLinesOf, othersTold, fetchRaw: fetchInTurn },
      )
      underWay.add(completed)
      void completed.finally(() => underWay.delete(completed))
      void sweeper.sweep()
      return paths
    },
    async settled(withinMs) {
      await Promise.race([Promise.all(underWay), sleep(withinMs, undefined, { ref: false })])
    },
  }
}

function environmentOf(topology: Topology, settings: RunReportsPorts['agent']['config']): ReportEnvironment {
  const { catalog, s3 } = topology.connections
  return {
    assayVersion: ASSAY_VERSION,
    host: hostname(),
    machine: thisMachine(),
    pipelineVersions: settings?.pipelineVersions ?? null,
    ...lookPlacesOf(topology, settings),
    lake: { catalog: withoutUser(catalog.url), warehouse: catalog.warehouse, s3: withoutUser(s3.endpoint), s3Region: s3.region },
    jaegerUi: settings?.jaegerUi ?? null,
  }
}

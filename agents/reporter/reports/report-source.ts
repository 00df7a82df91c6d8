import type { Evidence } from '../../../shared/core/evidence.ts'
import type { Judgement } from '../../../shared/core/judge.ts'
import type { RunState } from '../../../shared/core/run-book.ts'

/** All that a report is made of. */
export interface ReportSource {
  readonly run: RunState
  readonly evidence: Evidence
  readonly judgement: Judgement
  /** When it was judged, Unix ms. */
  readonly atMs: number
  readonly environment: ReportEnvironment
}

/** Where the report was made, for whoever reads it elsewhere. Never a secret. */
export interface ReportEnvironment {
  readonly assayVersion: string
  readonly host: string
  /** Bootstrap address of the pipeline's Kafka, for commands to look oneself. */
  readonly pipelineKafka: string
}

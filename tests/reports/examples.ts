import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ReportSource } from '../../agents/reporter/reports/report-source.ts'
import { resultMessage, type RunFact } from '../../schemas/results.ts'
import { judgeFromTopics } from '../../shared/core/judge-again.ts'
import { isRunFact } from '../../shared/core/run-book.ts'
import type { Verdict } from '../../schemas/parts.ts'

/** Reports of real runs that people have looked at: facts as recorded, and what every format makes of them. */
export interface Example {
  readonly name: string
  readonly verdict: Verdict
  readonly what: string
  /** What each reason must be about: another one is trouble of the machine that recorded. */
  readonly reasons: RegExp
}

export const examples: readonly Example[] = [
  { name: 'pass', verdict: 'pass', what: 'nothing is wrong', reasons: /never/ },
  {
    name: 'loss-in-normaliser',
    verdict: 'fail',
    what: 'the normaliser leaves records out',
    reasons: /lost at topic:market.trades|fidelity at topic:market.trades/,
  },
  {
    name: 'loss-in-sink',
    verdict: 'fail',
    what: 'the offsets of the sink were moved past 1,000 records of one partition',
    reasons: /(lost|late|fidelity) at table/,
  },
  {
    name: 'chaos-with-recovery',
    verdict: 'pass',
    what: 'the Connect worker stands still for 8 s, and all arrives after all',
    reasons: /never/,
  },
  { name: 'inconclusive', verdict: 'inconclusive', what: 'the query-prober is not running', reasons: /query-prober|at api:/ },
]

const folder = import.meta.dirname
export const factsFile = (name: string) => join(folder, `${name}.facts.jsonl`)
export const exampleFile = (name: string, fileName: string) => join(folder, name, fileName)

export function readFacts(name: string): RunFact[] {
  const lines = readFileSync(factsFile(name), 'utf8').split('\n')
  return lines.flatMap((line) => (line === '' ? [] : [resultMessage.parse(JSON.parse(line))])).filter(isRunFact)
}

/** The run as the reporter had it, on a machine of no name and of no version, so that only the reports are compared. */
export function exampleSource(name: string): ReportSource {
  const judged = judgeFromTopics(readFacts(name))
  if (judged?.published == null) throw new Error(`${factsFile(name)}: expected the facts of a run with its verdict`)
  const { run, evidence, judgement, published } = judged
  const environment = {
    ...{ assayVersion: 'example', host: 'example', pipelineKafka: '127.0.0.1:19092', jaegerUi: 'http://127.0.0.1:16686' },
    machine: { node: 'v24.21.0', os: 'example', cores: 2, memoryBytes: 8 * 2 ** 30 },
    pipelineVersions: 'example',
    lake: { catalog: 'http://127.0.0.1:19181', warehouse: null, s3: 'http://127.0.0.1:19900', s3Region: 'us-east-1' },
  }
  return { run, evidence, judgement, isEarly: false, atMs: published.atMs, environment }
}

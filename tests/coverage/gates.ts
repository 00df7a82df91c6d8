import { countLines, type LineCoverage } from './line-coverage.ts'

/** Where lines were run: in vitest's unit tests, in its tests on a few servers and on whole pipelines, in the processes that those start. */
export type Source = 'unit' | 'servers' | 'stack' | 'processes'

export interface Gate {
  readonly name: string
  readonly sources: readonly Source[]
  readonly belongs: (file: string) => boolean
  readonly leastPercent: number
}

const isProduct = (file: string) => /^(agents|shared|schemas|topology|compose)\/.*\.ts$/.test(file) && !/\.(test|fixture)\.ts$/.test(file)
/** What acts rather than decides: its place is on real servers. */
const isShell = (file: string) => /^agents\/(cli\/|[^/]+\/(shell|main|watchdog|stop)\.ts$)/.test(file)
const isCore = (file: string) => isProduct(file) && /^(shared\/core|agents|schemas|topology)\//.test(file) && !isShell(file)
/** What a run on real servers goes through, from the request to the verdict. */
const isCritical = (file: string) => isProduct(file) && /^(shared|agents|topology)\//.test(file) && !/^shared\/sim\//.test(file)

export const gates: readonly Gate[] = [
  { name: 'cores and judgement, by unit tests', sources: ['unit'], belongs: isCore, leastPercent: 85 },
  { name: 'critical paths, on real servers', sources: ['servers', 'stack', 'processes'], belongs: isCritical, leastPercent: 70 },
  { name: 'everything, by all tests', sources: ['unit', 'servers', 'stack', 'processes'], belongs: isProduct, leastPercent: 75 },
]

export const isMeasured = isProduct

export interface GateResult {
  readonly name: string
  readonly percent: number
  readonly held: boolean
  readonly text: string
}

/** A gate that saw no line does not hold. */
export function applyGate(gate: Gate, coverage: LineCoverage): GateResult {
  const { run, lines } = countLines(coverage, gate.belongs)
  const percent = lines === 0 ? 0 : (100 * run) / lines
  const held = percent >= gate.leastPercent
  return { name: gate.name, percent, held, text: `${percent.toFixed(1)} % of ${lines} lines, at least ${gate.leastPercent} %` }
}

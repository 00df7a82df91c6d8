/** Which lines of which files were run: executable lines by their number, true where they were. */
export type LineCoverage = Map<string, Map<number, boolean>>

interface Place {
  readonly start: { readonly line: number }
}

/** The part of Istanbul's coverage of a file that lines follow from. */
export interface StatementCoverage {
  readonly statementMap: Readonly<Record<string, Place>>
  readonly s: Readonly<Record<string, number>>
}

/** A line is executable when a statement begins on it, and was run when one of those was. Adds to `coverage`. */
export function addStatements(coverage: LineCoverage, file: string, { statementMap, s }: StatementCoverage): void {
  const lines = coverage.get(file) ?? new Map<number, boolean>()
  coverage.set(file, lines)
  for (const [id, { start }] of Object.entries(statementMap)) lines.set(start.line, (lines.get(start.line) ?? false) || (s[id] ?? 0) > 0)
}

/** Run in either is run. */
export function union(coverages: readonly LineCoverage[]): LineCoverage {
  const all: LineCoverage = new Map()
  for (const coverage of coverages) {
    for (const [file, lines] of coverage) {
      const known = all.get(file) ?? new Map<number, boolean>()
      all.set(file, known)
      for (const [line, run] of lines) known.set(line, (known.get(line) ?? false) || run)
    }
  }
  return all
}

/** Lines run and executable lines of the files that belong. */
export function countLines(coverage: LineCoverage, belongs: (file: string) => boolean): { run: number; lines: number } {
  let run = 0
  let all = 0
  for (const [file, lines] of coverage) {
    if (!belongs(file)) continue
    all += lines.size
    for (const wasRun of lines.values()) if (wasRun) run++
  }
  return { run, lines: all }
}

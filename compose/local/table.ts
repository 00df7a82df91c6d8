import type { ServiceRecord } from './state.ts'

export interface ServiceRow extends ServiceRecord {
  name: string
  /** `running`, `ended`, or what its probe said. */
  condition: string
  memoryBytes?: number
}

/** A table for the terminal: columns as wide as their widest cell. */
export function renderServices(rows: readonly ServiceRow[]): string {
  const header = ['service', 'state', 'pid', 'memory', 'ports', 'log']
  const cells = rows.map((row) => [
    row.name,
    row.condition,
    String(row.pid),
    row.memoryBytes === undefined ? '' : `${Math.round(row.memoryBytes / 1_000_000)} MB`,
    Object.entries(row.ports)
      .map(([name, port]) => `${name} ${port}`)
      .join(', '),
    row.logFile,
  ])
  const widths = header.map((title, column) => Math.max(title.length, ...cells.map((line) => line[column]?.length ?? 0)))
  return [header, ...cells]
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** Figures as text, alike in every command. */

export const countText = (count: number) => count.toLocaleString('en-US')

export function msText(ms: number | null): string {
  if (ms === null) return '–'
  if (Math.abs(ms) >= 10_000) return `${(ms / 1000).toFixed(1)} s`
  return Math.abs(ms) >= 100 ? `${countText(Math.round(ms))} ms` : `${ms.toFixed(1)} ms`
}

/** Rows as lines, columns as wide as their widest cell; the first column to the left, the others to the right. */
export function tableLines(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows.map((row) =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join('  '),
  )
}

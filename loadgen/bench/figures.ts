/** One figure beside a named peer or limit of the same run. */
export interface Figure {
  readonly name: string
  readonly ours: number
  readonly unit: string
  readonly peer: string
  readonly peers: number | null
  /** What is asked of ours; `most` for sizes and times; neither for a figure that is only told. */
  readonly target: { readonly least?: number; readonly most?: number }
}

export const isHeld = ({ ours, target }: Figure) =>
  (target.least === undefined || ours >= target.least) && (target.most === undefined || ours <= target.most)

/** The figures as a table of text. */
export function figureTable(figures: readonly Figure[]): string {
  const rows = figures.map((figure) => {
    const { name, ours, unit, peer, peers, target } = figure
    const asked = targetText(target)
    const ratio = peers === null || peers === 0 ? '' : (ours / peers).toFixed(3)
    return [
      name,
      `${amount(ours)} ${unit}`,
      peer,
      peers === null ? '' : `${amount(peers)} ${unit}`,
      ratio,
      asked,
      asked === '' ? '' : isHeld(figure) ? 'yes' : 'NO',
    ]
  })
  const table = [['figure', 'ours', 'beside', 'theirs', 'ratio', 'target', 'held'], ...rows]
  const widths = (table[0] ?? []).map((_, column) => Math.max(...table.map((row) => (row[column] ?? '').length)))
  return table
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

function targetText({ least, most }: Figure['target']): string {
  if (least !== undefined) return `≥ ${amount(least)}`
  return most === undefined ? '' : `≤ ${amount(most)}`
}

const amount = (value: number) => (value >= 1000 ? Math.round(value).toLocaleString('en-US') : value.toFixed(value < 10 ? 2 : 1))

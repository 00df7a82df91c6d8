/** Where a command writes: results to standard output, everything else to standard error. */
export interface Terminal {
  /** Whether lines may be drawn over. */
  readonly redraws: boolean
  readonly out: (text: string) => void
  readonly note: (text: string) => void
  /** Draws lines over those of the call before; only where `redraws`. */
  readonly draw: (lines: readonly string[]) => void
}

const UP_AND_CLEAR = '\x1b[1A\x1b[2K'

export function processTerminal(): Terminal {
  let drawn = 0
  const settle = () => (drawn = 0)
  return {
    redraws: process.stderr.isTTY,
    out: (text) => {
      settle()
      process.stdout.write(`${text}\n`)
    },
    note: (text) => {
      settle()
      process.stderr.write(`${text}\n`)
    },
    draw: (lines) => {
      // A line wider than the terminal would take two rows, and the next drawing would start in the wrong one.
      const width = Math.max(20, (process.stderr.columns || 100) - 1)
      process.stderr.write(UP_AND_CLEAR.repeat(drawn) + lines.map((line) => `${line.slice(0, width)}\n`).join(''))
      drawn = lines.length
    },
  }
}

/** Where something lies: on the offsets of a partition, on the seqs of a stream of canaries, or on the seconds of event time. */
export interface Line {
  readonly in: 'partition' | 'stream' | 'time'
  readonly number: number
}

export interface Stretch {
  readonly line: Line
  readonly first: number
  readonly last: number
  readonly canaries: number
}

export interface Piece<Of> extends Stretch {
  readonly of: Of
}

/** Between two canaries of one batch lie markers of transactions and the records of others. */
export const OFFSET_GAP_MAX = 4

/** Joins what lies next to each other on one line; in order of line, then place. */
export function neighbours<Of>(pieces: readonly Piece<Of>[]): (Stretch & { readonly pieces: readonly Piece<Of>[] })[] {
  const sorted = [...pieces].sort(
    (a, b) => a.line.in.localeCompare(b.line.in) || a.line.number - b.line.number || a.first - b.first || a.last - b.last,
  )
  const joined: { line: Line; first: number; last: number; canaries: number; pieces: Piece<Of>[] }[] = []
  for (const piece of sorted) {
    const open = joined.at(-1)
    const gapMax = piece.line.in === 'partition' ? OFFSET_GAP_MAX : 1
    const isNext = open !== undefined && isSameLine(open.line, piece.line) && piece.first - open.last <= gapMax
    if (!isNext) {
      joined.push({ line: piece.line, first: piece.first, last: piece.last, canaries: piece.canaries, pieces: [piece] })
      continue
    }
    open.last = Math.max(open.last, piece.last)
    open.canaries += piece.canaries
    open.pieces.push(piece)
  }
  return joined
}

const isSameLine = (a: Line, b: Line) => a.in === b.in && a.number === b.number

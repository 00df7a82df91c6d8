import type { WatchedDefect } from '../../../shared/core/watcher.ts'

export const WATCHER_NOTE =
  'Planted on a stream of its own, to see that the watchers see them. Not the doing of the pipeline, and counted nowhere else.'
export const WATCHER_UNKNOWN = 'Defects were to be planted, and no watcher has done its work: nothing is known of them.'

const NAMED_MAX = 5

/** `2 of 2`, or which were not seen and what they were taken for. */
export function seenText({ planted, unseen }: WatchedDefect): string {
  if (planted === 0) return 'none could be planted'
  const missed = unseen
    .slice(0, NAMED_MAX)
    .map(({ stream, seq, shownAs }) => `stream ${stream} seq ${seq}${shownAs.length === 0 ? '' : ` told as ${shownAs.join(' and ')}`}`)
  return `${planted - unseen.length} of ${planted}${missed.length === 0 ? '' : `; not ${missed.join(', ')}`}`
}

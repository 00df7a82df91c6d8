import type { ShownDefect, WatchedDefect } from '../../../shared/core/watcher.ts'

export const WATCHER_NOTE =
  'Planted on a stream of its own, to see that the watchers see them. Not the doing of the pipeline, and counted nowhere else.'
export const WATCHER_UNKNOWN = 'Defects were to be planted, and no watcher has done its work: nothing is known of them.'

const NAMED_MAX = 5

/** `2 of 2`, or which were not seen and what they were taken for. */
export function seenText({ planted, unseen, odd }: WatchedDefect): string {
  const named = (shown: readonly ShownDefect[]) =>
    shown
      .slice(0, NAMED_MAX)
      .map(({ stream, seq, shownAs }) => `stream ${stream} seq ${seq}${shownAs.length === 0 ? '' : ` told as ${shownAs.join(' and ')}`}`)
      .join(', ')
  return [
    planted === 0 ? 'none could be planted' : `${planted - unseen.length} of ${planted}`,
    ...(unseen.length === 0 ? [] : [`not ${named(unseen)}`]),
    ...(odd.length === 0 ? [] : [`more was told of ${named(odd)}`]),
  ].join('; ')
}

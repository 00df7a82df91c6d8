/** What a run may be inconclusive by, as a label: few words instead of many texts. The first that fits. */
const patterns = [
  ['cancelled', /^cancelled/],
  ['agent-absent', /nothing was heard from/],
  ['stage-unfinished', /did not end|ended (failed|inconclusive|cancelled)|not done within/],
  ['no-acknowledgement', /no canary was acknowledged/],
  ['fault', /did not take hold|took hold|could not be healed|recovered from/],
  ['unaccounted', /neither sighted nor judged/],
  ['topology', /is not the run's/],
  ['evidence-missing', /^(topic|table|api|source):/],
  ['watcher-blind', /^the watcher of .* is blind|^more than what was planted|none could be planted$/],
  ['other', /^/],
] as const

export type InconclusiveReason = (typeof patterns)[number][0]
export const inconclusiveReasons: readonly InconclusiveReason[] = patterns.map(([reason]) => reason)

export const inconclusiveReasonOf = (text: string): InconclusiveReason => patterns.find(([, pattern]) => pattern.test(text))?.[0] ?? 'other'

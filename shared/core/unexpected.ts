import { hopEvidence, type Evidence } from './evidence.ts'
import { difference, members } from './range-set.ts'
import type { Finding } from './violations.ts'

/** Canaries at a hop that must not be anywhere, and were not at the hop before: their write failed for certain, or was never meant. */
export function unexpectedAt(evidence: Evidence, { hop, before }: { readonly hop: string; readonly before: string | null }): Finding[] {
  const { sighted } = hopEvidence(evidence, hop)
  const earlier = before === null ? null : hopEvidence(evidence, before).sighted
  return sighted.streams().flatMap((stream) => {
    const allowed = difference(evidence.intended.ranges(stream), evidence.failed.ranges(stream))
    const foreign = difference(sighted.ranges(stream), allowed)
    const isNew = earlier === null ? foreign : difference(foreign, earlier.ranges(stream))
    return [...members(isNew)].map((seq): Finding => ({
      violation: 'unexpected',
      hop,
      stream,
      ranges: [seq, seq],
      expected: 'absent: it was refused or never sent',
      actual: 'present',
    }))
  })
}

import { z } from 'zod'
import { violationKind } from '../../../schemas/parts.ts'
import { causeSentence, causeTitle } from './cause-text.ts'
import { causesIn, type ReportSource } from './report-source.ts'
import { looksText, twoLooks } from './two-looks.ts'

export const CAUSES_MAX = 500

const lyingAt = z.strictObject({
  in: z
    .enum(['partition', 'stream', 'time'])
    .describe('Offsets of a partition, seqs of a stream of canaries, or Unix seconds of event time.'),
  number: z.int(),
  first: z.int(),
  last: z.int(),
  canaries: z.int(),
})

export const causeOfReport = z
  .strictObject({
    title: z.string(),
    sentence: z.string().describe('Where they lie and what that means.'),
    looks: z.string().nullable().describe('The two looks that it stands on.'),
    kind: violationKind,
    hop: z.string(),
    field: z.string().nullable(),
    shape: z.enum(['stretches', 'scattered']).describe('Unbroken stretches of neighbours, or single ones here and there.'),
    canaries: z.int(),
    counts: z.boolean().describe('False for lateness that a fault of ours explains.'),
    faults: z.array(z.string()).describe('In force when these were found.'),
    stretches: z.array(lyingAt).describe('The longest.'),
    stretchesInAll: z.int(),
    foundFromMs: z.int(),
    foundUntilMs: z.int(),
  })
  .describe('Violations that probably have one cause.')

/** The causes as the JSON report tells them. */
export function causesOfReport(source: ReportSource): z.infer<typeof causeOfReport>[] {
  return causesIn(source)
    .slice(0, CAUSES_MAX)
    .map((one) => {
      const { kind, hop, field, shape, canaries, counts, faults, stretches, stretchesInAll, foundFromMs, foundUntilMs } = one
      const looks = twoLooks(source.run, one)
      return {
        title: causeTitle(one),
        sentence: causeSentence(source.run, one),
        looks: looks === null ? null : looksText(looks),
        ...{ kind, hop, field, shape, canaries, counts, faults: [...faults], stretchesInAll, foundFromMs, foundUntilMs },
        stretches: stretches.map(({ line, first, last, canaries: there }) => ({ ...line, first, last, canaries: there })),
      }
    })
}

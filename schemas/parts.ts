import { z } from 'zod'

/** Pieces that several messages share. All integers are safe ones; 63-bit ids travel as decimal text. */

export const runIdText = z.string().regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, 'a lower-case UUID, 8-4-4-4-12 hex digits')

export const seriesWindow = z
  .object({
    series: runIdText.describe('The run that began the series.'),
    index: z.int().positive(),
    indexLast: z
      .int()
      .positive()
      .nullable()
      .default(null)
      .describe('Windows `index` to `indexLast` were never run: nobody was there to ask. Told as one run that has no stages; else null.'),
  })
  .describe('A window of a repeating plan; its run id follows from series and start, so that two requesters make one run.')

export const ranges = z.array(z.int()).describe('Sorted, disjoint: first, last, first, last, …')

export const streamRanges = z.object({ stream: z.int(), ranges })
export type StreamRanges = z.infer<typeof streamRanges>

export const offsetRange = z.object({ partition: z.int(), offsetFirst: z.int(), offsetLast: z.int() })
export type OffsetRange = z.infer<typeof offsetRange>

export const located = z.object({ stream: z.int(), seq: z.int(), partition: z.int(), offset: z.int() })
export type Located = z.infer<typeof located>

export const position = z.object({ hop: z.string(), partition: z.int(), offset: z.int().describe('The first offset to read.') })
export type Position = z.infer<typeof position>

export const latencySketch = z
  .object({
    count: z.int(),
    minMs: z.number().nullable(),
    maxMs: z.number().nullable(),
    zeroCount: z.int().describe('Latencies under the resolution, either sign.'),
    bins: z.array(z.int()).describe('Bin, count, bin, count, …: bin b holds latencies in (γ^(b-1), γ^b] ms, γ = 1.04.'),
    negativeBins: z.array(z.int()).describe('The same for negative latencies, by magnitude.'),
  })
  .describe('Mergeable quantile sketch (DDSketch, Masson et al. 2019) with a relative error of 2 %.')
export type LatencySketchWire = z.infer<typeof latencySketch>

export const violationKinds = [
  'lost',
  'late',
  'duplicated',
  'reordered',
  'corrupted',
  'precision-lost',
  'schema-violated',
  'unexpected',
  'header-lost',
  'stale',
  'wrong-answer',
  'slow',
  'unavailable',
  'metadata-broken',
  'rule-broken',
  'unprotected',
  'leaked',
  'not-recovered',
  'regressed',
] as const
export const violationKind = z.enum(violationKinds)
export type ViolationKind = z.infer<typeof violationKind>

export const gravest = z
  .object({ violation: violationKind, hop: z.string() })
  .describe(
    'What to look at first of all that stands against a run: what is wrong before what took too long, each on the first hop of the way.',
  )
export type Gravest = z.infer<typeof gravest>

/** How a value differs from the one that must be there. New words go to the end. */
export const valueDifferences = ['value', 'precision', 'time-zone', 'unit', 'normal-form', 'null-versus-empty', 'enum'] as const
export const valueDifference = z.enum(valueDifferences)
export type ValueDifference = z.infer<typeof valueDifference>

export const verdict = z.enum(['pass', 'fail', 'inconclusive'])
export type Verdict = z.infer<typeof verdict>

/** Who says it and when: the head of every fact. */
const speaker = { agent: z.string(), instance: z.string(), atMs: z.int().describe("The speaker's clock, Unix ms.") }

/** A message of the results topic about one run. */
export function fact<Kind extends string, Shape extends z.ZodRawShape>(kind: Kind, shape: Shape) {
  return z.object({ kind: z.literal(kind), runId: runIdText, ...speaker, ...shape })
}

/** A message of the results topic about no run. */
export function remark<Kind extends string, Shape extends z.ZodRawShape>(kind: Kind, shape: Shape) {
  return z.object({ kind: z.literal(kind), ...speaker, ...shape })
}

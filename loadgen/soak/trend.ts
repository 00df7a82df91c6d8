export interface Sample {
  readonly atMs: number
  readonly value: number
}

export interface Trend {
  readonly perHour: number
  /** What the straight line grows by from the first sample to the last. */
  readonly growth: number
  /** Standard deviation of the samples about the line. */
  readonly noise: number
}

const HOUR_MS = 3_600_000

/** Least squares. Null for fewer than three samples, or all at one time. */
export function trendOf(samples: readonly Sample[]): Trend | null {
  const count = samples.length
  const [first, last] = [samples[0], samples[count - 1]]
  if (count < 3 || first === undefined || last === undefined) return null
  const mean = (of: (sample: Sample) => number) => samples.reduce((sum, sample) => sum + of(sample), 0) / count
  const [meanAt, meanValue] = [mean(({ atMs }) => atMs - first.atMs), mean(({ value }) => value)]
  const spread = samples.reduce((sum, { atMs }) => sum + (atMs - first.atMs - meanAt) ** 2, 0)
  if (spread === 0) return null
  const slope = samples.reduce((sum, { atMs, value }) => sum + (atMs - first.atMs - meanAt) * (value - meanValue), 0) / spread
  const squares = samples.reduce((sum, { atMs, value }) => sum + (value - meanValue - slope * (atMs - first.atMs - meanAt)) ** 2, 0)
  return { perHour: slope * HOUR_MS, growth: slope * (last.atMs - first.atMs), noise: Math.sqrt(squares / (count - 2)) }
}

/** Growth that the samples' own scatter explains. */
export const isNoise = ({ growth, noise }: Trend) => growth <= 2 * noise

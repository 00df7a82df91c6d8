export interface Sample {
  readonly atMs: number
  readonly value: number
  /** Which process it is of, where processes follow one another: each has a level of its own. */
  readonly life?: number
}

export interface Trend {
  readonly perHour: number
  /** Standard error of `perHour`: what scatter alone may make of a level line. */
  readonly error: number
  /** Standard deviation of the samples about the line. */
  readonly noise: number
  /** The line at its last sample. */
  readonly last: number
}

const HOUR_MS = 3_600_000

/**
 * Least squares, of what each process gains: a level of its own is nothing that grows. Null for fewer than three samples, or
 * where no process has two at different times.
 */
export function trendOf(samples: readonly Sample[]): Trend | null {
  const last = samples.at(-1)
  if (samples.length < 3 || last === undefined) return null
  const lives = [...Map.groupBy(samples, ({ life = 0 }) => life).values()]
  const points = lives.flatMap((life) => {
    const mean = (of: (sample: Sample) => number) => life.reduce((sum, sample) => sum + of(sample), 0) / life.length
    const [meanAt, meanValue] = [mean(({ atMs }) => atMs), mean(({ value }) => value)]
    return life.map(({ atMs, value }) => ({ at: atMs - meanAt, value: value - meanValue }))
  })
  const spread = points.reduce((sum, { at }) => sum + at ** 2, 0)
  if (spread === 0) return null
  const slope = points.reduce((sum, { at, value }) => sum + at * value, 0) / spread
  const squares = points.reduce((sum, { at, value }) => sum + (value - slope * at) ** 2, 0)
  const noise = Math.sqrt(squares / Math.max(1, points.length - lives.length - 1))
  const { at, value } = points.at(-1) as (typeof points)[number]
  return {
    perHour: slope * HOUR_MS,
    error: (noise / Math.sqrt(spread)) * HOUR_MS,
    noise,
    last: last.value - value + slope * at,
  }
}

/** The least of each so many milliseconds: of memory, about what is left after a collection, whatever garbage lay on it. */
export function floorsOf(samples: readonly Sample[], everyMs: number): Sample[] {
  const floors = new Map<number, Sample>()
  for (const sample of samples) {
    const span = Math.floor(sample.atMs / everyMs)
    const least = floors.get(span)
    if (least === undefined || sample.value < least.value) floors.set(span, sample)
  }
  return [...floors.values()]
}

export interface Growth {
  /** Of the second and the last third of the time: the first is for getting warm. */
  readonly middle: Trend
  readonly end: Trend
  readonly isSound: boolean
  /** What may be grown by each hour, if the limit is to be `DAYS_MIN` away. */
  readonly allowedPerHour: number
  /** How far the limit is at the slope of the last third; infinite where that does not rise. */
  readonly daysToLimit: number
}

/** So long must pass, at the slope of the last third, before the limit is reached: a deployment or a weekend. */
export const DAYS_MIN = 3
/** A slope counts from so many standard errors on. */
const SURE_ERRORS = 2
/** What was warming up too long, and is no leak, rises half as fast in the last third, or slower. */
const FALLS_TO = 0.5

export const RULE = `in the last third no slope, beyond ${SURE_ERRORS} standard errors, that reaches the limit within ${DAYS_MIN} days; nor in the second, unless the last rises at most ${FALLS_TO} times as fast`

/**
 * Whether something that should stay level does. A drift far smaller than the limit is no leak, and what is kept of the
 * newest runs fills up for hours; a slope that would end the process within days is one, however much it scatters.
 * Null for too few samples.
 */
export function growthOf(samples: readonly Sample[], limit: number): Growth | null {
  const [first, last] = [samples[0], samples.at(-1)]
  if (first === undefined || last === undefined) return null
  const third = (last.atMs - first.atMs) / 3
  const endsAtMs = first.atMs + 2 * third
  const middle = trendOf(samples.filter(({ atMs }) => atMs >= first.atMs + third && atMs < endsAtMs))
  const end = trendOf(samples.filter(({ atMs }) => atMs >= endsAtMs))
  if (middle === null || end === null) return null
  const left = Math.max(0, limit - end.last)
  const allowedPerHour = left / (DAYS_MIN * 24)
  const isSlow = ({ perHour, error }: Trend) => perHour - SURE_ERRORS * error <= allowedPerHour
  return {
    middle,
    end,
    allowedPerHour,
    daysToLimit: end.perHour <= 0 ? Infinity : left / end.perHour / 24,
    isSound: end.last < limit && isSlow(end) && (isSlow(middle) || end.perHour <= FALLS_TO * middle.perHour),
  }
}

export interface Clock {
  /** Whole Unix ms. Starts from the wall clock and runs on the monotonic one: it never jumps back. */
  nowMs(): number
  /** Calls back about every `intervalMs` until stopped. A turn that comes late is not made up for. */
  every(intervalMs: number, turn: (atMs: number) => void): () => void
}

export function createClock(): Clock {
  const nowMs = () => Math.floor(performance.timeOrigin + performance.now())
  return {
    nowMs,
    every(intervalMs, turn) {
      const timer = setInterval(() => {
        turn(nowMs())
      }, intervalMs)
      return () => {
        clearInterval(timer)
      }
    },
  }
}

/** `2026-11-23T02:00:07.000Z` */
export const isoTime = (atMs: number) => new Date(atMs).toISOString()

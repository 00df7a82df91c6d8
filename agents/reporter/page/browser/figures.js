/** Figures as text, as the reports write them. */

const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })
const clock = new Intl.DateTimeFormat('sv-SE', { dateStyle: 'short', timeStyle: 'medium' })

/** @param {number} count */
export const countText = (count) => whole.format(count)

/**
 * @param {number} count
 * @param {string} one
 */
export const plural = (count, one) => `${countText(count)} ${count === 1 ? one : `${one}s`}`

/** @param {number | null} ms */
export function msText(ms) {
  if (ms === null) return '–'
  const size = Math.abs(ms)
  if (size >= 10_000) return `${(ms / 1000).toFixed(1)} s`
  if (size >= 1_000) return `${(ms / 1000).toFixed(2)} s`
  return size >= 100 ? `${whole.format(ms)} ms` : `${ms.toFixed(1)} ms`
}

/** @param {number} ms */
export function durationText(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000))
  if (seconds < 120) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  return minutes < 120 ? `${minutes} min ${seconds % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

/** @param {number} ms */
export function agoText(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000))
  if (seconds < 5) return 'just now'
  if (seconds < 60) return `${seconds} s ago`
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ago`
  return seconds < 86_400 ? `${Math.floor(seconds / 3_600)} h ago` : `${Math.floor(seconds / 86_400)} d ago`
}

/** @param {number} atMs */
export const timeText = (atMs) => clock.format(atMs)

/**
 * Rounded down: what is not whole must not look whole.
 * @param {number | null} share
 */
export function shareText(share) {
  if (share === null) return '–'
  if (share === 1) return '100 %'
  return `${(Math.floor(Number((share * 1e6).toPrecision(10))) / 1e4).toFixed(4)} %`
}

/**
 * The end of a run id tells runs apart; its beginning is a time.
 * @param {string} runId
 */
export const shortId = (runId) => runId.slice(-12)

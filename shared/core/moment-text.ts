/** Beyond it a date has no text. */
const DATE_MAX_MS = 8.64e15
const utcMoment = new Intl.DateTimeFormat('sv-SE', { dateStyle: 'short', timeStyle: 'medium', timeZone: 'UTC' })

/** `2026-11-30 12:00:00 UTC`, of Unix ms. */
export const momentText = (ms: number) => (Math.abs(ms) > DATE_MAX_MS ? `${ms} ms` : `${utcMoment.format(ms)} UTC`)

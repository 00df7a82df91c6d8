/** Figures as text, alike in every report. */

export const countText = (count: number) => count.toLocaleString('en-US')

export function msText(ms: number | null): string {
  if (ms === null) return '–'
  if (Math.abs(ms) >= 10_000) return `${(ms / 1000).toFixed(1)} s`
  return Math.abs(ms) >= 100 ? `${countText(Math.round(ms))} ms` : `${ms.toFixed(1)} ms`
}

export const plural = (count: number, one: string, many = `${one}s`) => `${countText(count)} ${count === 1 ? one : many}`

/** `+0.4 s`: from the start of something. */
export const sinceText = (ms: number) => `${ms < 0 ? '−' : '+'}${(Math.abs(ms) / 1000).toFixed(1)} s`

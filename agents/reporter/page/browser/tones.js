/** @typedef {import('../views.ts').RunPhase} RunPhase */
/** @typedef {import('../../../../schemas/parts.ts').Verdict} Verdict */

/** @typedef {'pass' | 'fail' | 'inconclusive' | 'running' | 'waiting' | 'none'} Tone */

/**
 * How a run stands, as a colour, a word and a sign: none of them is ever alone.
 * @param {{ phase: RunPhase, verdict: Verdict | null }} run
 * @returns {Tone}
 */
export function toneOf({ phase, verdict }) {
  if (verdict !== null) return verdict
  if (phase === 'abandoned') return 'inconclusive'
  return phase === 'waiting' ? 'waiting' : 'running'
}

const words = { pass: 'Pass', fail: 'Fail', inconclusive: 'Inconclusive', running: 'Under way', waiting: 'Waiting', none: 'No run yet' }

/** @param {{ phase: RunPhase, verdict: Verdict | null }} run */
export function wordOf(run) {
  if (run.phase === 'abandoned') return 'No verdict'
  if (run.phase === 'cancelling') return 'Cancelling'
  return words[toneOf(run)]
}

/** @type {Record<Tone, string>} */
export const signs = { pass: '✓', fail: '✕', inconclusive: '?', running: '▸', waiting: '…', none: '–' }

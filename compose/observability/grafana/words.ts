import type { Words } from './panels.ts'

/** What the values of `lastVerdict` are called. */
export const verdictWords: Words = { 0: ['none yet', 'blue'], 1: ['PASS', 'green'], 2: ['INCONCLUSIVE', 'orange'], 3: ['FAIL', 'red'] }
export const upWords: Words = { 0: ['down', 'red'], 1: ['up', 'green'] }
export const faultWords: Words = { 0: ['none', 'text'], 1: ['active', 'orange'] }
export const caughtUpWords: Words = { 0: ['reading', 'orange'], 1: ['caught up', 'green'] }

import { at, type Mutant } from './mutant.ts'

const admission = at('shared/core/admission.ts')
const shares = at('shared/core/shares.ts')
const clocks = at('shared/core/clocks.ts')

/** Mistakes in when a run has its turn, in whose its work is, and in whose clock is right. */
export const turnMutants: readonly Mutant[] = [
  admission(
    'no run waits for an exclusive one',
    'plan.exclusive ? all : exclusive)\n    const',
    'plan.exclusive ? all : noneBefore())\n    const',
  ),
  admission('a window that nobody ran holds others back', 'if (isMissed(run)) continue\n', ''),
  admission(
    'who had to wait is given up from its acceptance on',
    '? Infinity : admittedMs + plan',
    '? Infinity : run.accepted.atMs + plan',
  ),
  admission('of two at the same time the later id is first', 'left.runId < right.runId ? -1 : 1', 'left.runId < right.runId ? 1 : -1'),
  shares('a thing to be done is the slot of its number', 'held.has(item % of)', 'held.has(item)'),
  shares('who holds one slot holds all', 'held.size === of', 'held.size > 0'),
  shares(
    'who comes to others begins with all there is',
    'export const nothing: Shares = { of: 1, held: new Set() }',
    'export const nothing: Shares = { of: 1, held: new Set([0]) }',
  ),
  shares('who missed one heartbeat is not counted on', 'SILENT_MS = 15_000', 'SILENT_MS = 4_000'),
  clocks('the clock of who wrote it is right', 'Math.min(atMs, nowMs + TURN_MS) - dueMs', 'atMs - dueMs'),
  clocks('the clock of the generator is right', " - behindMs(clocks, 'generator')", ''),
  clocks('one heartbeat that was held up is a clock that is behind', 'const SAMPLES_MIN = 3', 'const SAMPLES_MIN = 1'),
  clocks('a process that was started anew has its old clock', 'if (known?.startedAtMs === startedAtMs)', 'if (known !== undefined)'),
]

import type { FollowedRun } from './followed-run.ts'
import { progressLine, sampleOf, watchLines, type ProgressSample } from './progress.ts'
import type { Terminal } from './terminal.ts'
import { violationLine } from './verdict-text.ts'

const DRAW_EVERY_MS = 500
const LINE_EVERY_MS = 3_000
const VIOLATIONS_TOLD_MAX = 50

/** Shows a run while it goes on: drawn over and over on a terminal, plain lines elsewhere. */
export class LiveView {
  readonly #terminal: Terminal
  readonly #told = new Set<string>()
  #previous: ProgressSample | null = null
  #lastLine = ''
  #shownAtMs = -Infinity

  constructor(terminal: Terminal) {
    this.#terminal = terminal
  }

  /** Call it as often as you like. */
  turn(followed: FollowedRun, nowMs: number): void {
    if (!this.#terminal.redraws) this.#tellViolations(followed)
    if (nowMs - this.#shownAtMs < (this.#terminal.redraws ? DRAW_EVERY_MS : LINE_EVERY_MS)) return
    this.#shownAtMs = nowMs
    const sample = sampleOf(followed, nowMs)
    if (this.#terminal.redraws) {
      this.#terminal.draw(watchLines(followed, sample, this.#previous))
    } else {
      const line = progressLine(followed, sample)
      if (line !== this.#lastLine) this.#terminal.note(line)
      this.#lastLine = line
    }
    this.#previous = sample
  }

  #tellViolations(followed: FollowedRun): void {
    for (const [key, violation] of followed.evidence.violations) {
      if (this.#told.has(key) || this.#told.size > VIOLATIONS_TOLD_MAX) continue
      this.#told.add(key)
      if (this.#told.size > VIOLATIONS_TOLD_MAX) this.#terminal.note('more violations are found; the verdict counts them')
      else this.#terminal.note(violationLine(violation))
    }
  }
}

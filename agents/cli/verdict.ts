import { runIdText } from '../../schemas/parts.ts'
import type { RunFact } from '../../schemas/results.ts'
import { runTimeMs } from '../../shared/core/identity.ts'
import { judgeFromTopics, type Recomputed } from '../../shared/core/judge-again.ts'
import { emptyRunBook, foldRunBook, isRunFact } from '../../shared/core/run-book.ts'
import { badInput } from './arguments.ts'
import type { Command } from './command.ts'
import { exitCodeOfVerdict, exitCodes } from './exit-codes.ts'
import { judgementFields } from './outcome-text.ts'
import { openTwoTopics } from './two-topics.ts'
import { verdictDifferences, verdictLines } from './verdict-text.ts'

export const verdictCommand: Command = {
  command: 'verdict',
  summary: 'computes the verdict of a run again, from the two topics alone, and compares it with the published one',
  positionals: [{ name: 'runId', required: true, help: 'id of the run' }],
  options: { json: { type: 'boolean', help: 'the verdict as JSON on standard output' } },
  async run({ given, terminal }) {
    const [runId = ''] = given.positionals
    checkRunId(runId)
    const recomputed = await recompute(runId)
    if (recomputed === null)
      throw badInput(`run ${runId}: nothing of it is on the results topic; is the id right, and is it within the retention?`)
    const told = toldRecomputed(runId, recomputed)
    terminal.out(given.flag('json') ? JSON.stringify(told.json, null, 2) : told.lines.join('\n'))
    return told.exitCode
  },
}

export function checkRunId(runId: string): void {
  const parsed = runIdText.safeParse(runId)
  if (!parsed.success) throw badInput(`run id: expected ${parsed.error.issues.map(({ message }) => message).join('; ')}, got ${runId}`)
}

/** How far the clock of whoever made the run id may be ahead of Kafka's. */
const CLOCKS_APART_MS = 10 * 60_000
const EVER_MS = 20 * 365 * 86_400_000

/** Far enough back for everything about the run: a UUIDv7 says when it was made. */
export function lookbackFor(runId: string, nowMs: number): number {
  return runId[14] === '7' ? Math.min(EVER_MS, Math.max(0, nowMs - runTimeMs(runId)) + CLOCKS_APART_MS) : EVER_MS
}

async function recompute(runId: string): Promise<Recomputed | null> {
  const facts: RunFact[] = []
  const book = emptyRunBook()
  const topics = await openTwoTopics(
    (event) => {
      if (event.type === 'control') foldRunBook(book, event)
      else if (event.type === 'fact' && isRunFact(event.fact) && event.fact.runId === runId) facts.push(event.fact)
    },
    { lookbackMs: lookbackFor(runId, Date.now()) },
  )
  try {
    await topics.caughtUp
  } finally {
    await topics.close()
  }
  return judgeFromTopics(facts, book.cancelled)
}

export function toldRecomputed(
  runId: string,
  { run, judgement, published }: Recomputed,
): { lines: string[]; json: object; exitCode: number } {
  const differences = published === null ? [] : verdictDifferences(judgement, published)
  const planName = run.accepted.planName
  const tookMs = published === null ? null : published.atMs - run.accepted.requestedAtMs
  const lines = [
    ...verdictLines({ runId, planName, judgement, tookMs, reports: published?.reports ?? [] }),
    '',
    ...comparisonLines(published?.agent ?? null, differences),
  ]
  const json = {
    runId,
    planName,
    ...judgementFields(judgement),
    published: published?.verdict ?? null,
    equal: published === null ? null : differences.length === 0,
    differences,
  }
  return { lines, json, exitCode: differences.length > 0 ? exitCodes.ourBug.code : exitCodeOfVerdict(judgement.verdict) }
}

function comparisonLines(publishedBy: string | null, differences: readonly string[]): string[] {
  if (publishedBy === null) return ['no verdict was published so far; this is the one on what stands']
  if (differences.length === 0) return [`equal to the verdict published by ${publishedBy}, field by field`]
  return [
    `DIFFERS from the verdict published by ${publishedBy}: a bug in Assay, or facts are missing from the topic`,
    ...differences.map((difference) => `  ${difference}`),
  ]
}

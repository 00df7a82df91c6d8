import { at, type Mutant } from './mutant.ts'

const probes = at('agents/query-prober/judging.ts')
const askable = at('agents/query-prober/probes/askable.ts')
const asking = at('agents/query-prober/asking.ts')
const unaccounted = at('shared/core/unaccounted.ts')
const evidence = at('shared/core/evidence.ts')

/** Mistakes in what is asked of endpoints, and in what an answer is taken for. */
export const answerMutants: readonly Mutant[] = [
  asking(
    'the last pass waits for what nobody vouches for',
    '.every((api) => isVouchedSettled(evidence, run, api))) return\n',
    '.every((api) => isSettled(evidence, run, api))) return\n',
  ),
  asking(
    'the last pass ends without what nobody vouches for',
    'if (![...work.hops.keys()].every((api) => isSettled(evidence, run, api))) return false\n',
    '',
  ),
  asking(
    'what a fault excuses is never asked again',
    '.minus(hop.covered).minus(accused)',
    '.minus(hop.covered).minus(accused).minus(excused)',
  ),
  probes(
    'an API is accused while it may recover',
    'work.settledSinceMs !== null && isExcused(',
    'work.settledSinceMs === -1 && isExcused(',
  ),
  unaccounted(
    'a stale answer that a fault excuses is an answer',
    '.minus(bad).minus(held).size',
    '.minus(bad).minus(held).minus(excused).size',
  ),
  evidence('a stale answer that is excused hides the next', "fact.violation === 'stale' ?", "fact.agent === '' ?"),
  probes('one wrong answer is enough', 'const WRONGS_MAX = 2', 'const WRONGS_MAX = 1'),
  probes(
    'an older snapshot is a wrong answer',
    "case 'older':\n      return judgeOlder(works, answered, needed.snapshotId)",
    "case 'older':\n      return judgeWrong(works, answered, 'content')",
  ),
  probes(
    'wrong answers are left out',
    "? judgeWrong(works, answered, 'content') : close(works, answered, 'left-out')",
    "? close(works, answered, 'left-out') : close(works, answered, 'left-out')",
  ),
  askable('what a snapshot took away is asked for', 'inTable.minus(goneFrom(evidence, table))', 'inTable'),
  probes('a table that was set back is no excuse', 'return isSetBack ? close', 'return isSetBack && isTold === null ? close'),
]

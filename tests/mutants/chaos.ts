import { at, type Mutant } from './mutant.ts'

const core = at('agents/chaos-injector/core.ts')
const answers = at('agents/chaos-injector/lease-answers.ts')
const work = at('agents/chaos-injector/fault-work.ts')
const presence = at('agents/chaos-injector/presence.ts')
const standing = at('agents/chaos-injector/standing.ts')
const shell = at('agents/chaos-injector/shell.ts')
const faults = at('shared/core/faults.ts')

/** Mistakes in what is told of a fault that several saw, or nobody to its end, and in what it excuses then. */
export const chaosMutants: readonly Mutant[] = [
  faults('what was only intended explains nothing', "phase('injected') ?? phase('journalled')", "phase('injected')"),
  faults('a fault that nobody healed explains nothing', 'ended?.atMs ?? begun.leaseUntilMs', 'ended?.atMs ?? -Infinity'),
  faults('who calls a fault void ends it', "(phase('bit') === undefined ? phase('void') : undefined)", "phase('void')"),
  faults('a void fault goes on to the end of its lease', "(phase('bit') === undefined ? phase('void') : undefined)", 'undefined'),
  faults('a recovery makes up for a fault that did not bite', ', notRecovered), ...untold]', ', notRecovered)]'),
  faults('nobody need have seen that it was healed', 'inDoubt(`no evidence that ${what} was healed`)', '[]'),
  standing(
    'what was only intended does not stand',
    'if (told !== undefined) return\n      keep(standing, fact)',
    'if (told !== undefined) return',
  ),
  standing('the intent of another takes the place of its own', 'if (told !== undefined) return\n', ''),
  standing('another may call void what it has not', 'if (told?.instance === me && fact.instance !== me) return\n', ''),
  presence('who hears nobody takes all for silent', 'if (nowMs - presence.anyHeardMs > GAP_MS) return false\n', ''),
  presence('who could not be heard was silent', 'if (nowMs - presence.anyHeardMs > GAP_MS) presence.wholeSinceMs = nowMs\n', ''),
  work('a lease is seen to by all at once', 'isSilent(state.presence, instance, state.works.base.nowMs)', 'instance.length > 0'),
  work('a lease is seen to by who wrote it alone', 'isSilent(state.presence, instance, state.works.base.nowMs)', 'instance.length < 0'),
  core(
    'a stage ends while a fault may stand that another called void',
    "(phase('void') === null || standing.has(placeOf(at)))",
    "phase('void') === null",
  ),
  core('what was called void stands for all its time', "(phaseOf(works, context, 'void') !== null || ", '('),
  core('a fault goes over with its run', 'if (!isMine && !(', 'if (!('),
  answers('what is void has ended when that is told', '{ phase, detail, atMs: event.healedAtMs }', '{ phase, detail }'),
  answers('what bit unseen needs no heal', ", ...ask(state, { type: 'heal', runId, stage, target })]", ']'),
  answers('who does not see a lease knows that there is none', 'journalled.instance !== meOf(state)', "journalled.instance === ''"),
  answers('an intent of which no lease is seen is asked for without end', 'state.standing.delete(placeOf(standing))', 'void standing'),
  answers('a lease that is not seen is over', 'if (works.base.nowMs < leaseUntilMs) return []\n', ''),
  shell(
    'a look that fails is a heal that failed',
    "'a lease could not be looked at')\n      return null",
    "'a lease could not be looked at')\n      return failed(at, textOf(error))",
  ),
]

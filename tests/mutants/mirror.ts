import { at, type Mutant } from './mutant.ts'

const mirror = at('shared/core/mirror.ts')
const watcher = at('shared/core/watcher.ts')
const findings = at('shared/core/findings.ts')
const planting = at('agents/generator/planting.ts')
const outgoing = at('agents/generator/outgoing.ts')
const pace = at('agents/generator/pace.ts')
const tableFindings = at('agents/storage-reconciler/table-findings.ts')
const askable = at('agents/query-prober/probes/askable.ts')
const liveMetrics = at('agents/reporter/live-metrics.ts')
const judge = at('shared/core/judge.ts')
const evidence = at('shared/core/evidence.ts')
const inherited = at('agents/ingestion-checker/inherited.ts')
const topicLoss = at('agents/ingestion-checker/loss.ts')
const tableLoss = at('agents/storage-reconciler/loss.ts')
const sighting = at('agents/ingestion-checker/sighting.ts')
const table = at('agents/storage-reconciler/table-work.ts')

/** Mistakes in planting defects on the mirror stream, in seeing them, and in judging who saw them. */
export const mirrorMutants: readonly Mutant[] = [
  mirror('a skipped one is owed nowhere', "if (defect === 'skipped' && canaries.has(", "if (defect === 'doubled' && canaries.has("),
  mirror('the second of a pair is defective, too', 'stream !== load.streams || seq % 2 === 1 ||', 'stream !== load.streams ||'),
  mirror('the mirror stream counts for the pipeline', 'ranges: [0, mirrorLength(load)]', 'ranges: [0, 0]'),
  mirror('defects are planted up to the end', 'const SPREAD = 0.8', 'const SPREAD = 1'),
  mirror('a delayed one is due when it is sent', 'const MIRROR_DELAY_MS = 86_400_000', 'const MIRROR_DELAY_MS = 0'),
  mirror('a lost header is looked for where none is kept', "defect !== 'headerless' || headers.length > 0", 'headers.length >= 0'),
  mirror('what nobody acknowledged is owed', "defect !== 'skipped' || hop.delivery === 'at-least-once'", 'hop.delivery.length > 0'),
  mirror('nobody asks the table for defects', "return defect !== 'swapped' && defect !== 'headerless'", 'return false'),
  watcher('no watcher is blind', 'if (unseen.length > 0)', 'if (unseen.length < 0)'),
  watcher('what was not planted is no matter', 'if (planted === 0) reasons', 'if (planted < 0) reasons'),
  watcher('any finding will do', '!shownAs(plant).includes(mirrorViolation[defect])', 'shownAs(plant).length === 0'),
  watcher('a wrong kind besides is no matter', 'if (odd.length > 0)', 'if (odd.length < 0)'),
  watcher('lateness besides is a mistake', "kind !== mirrorViolation[defect] && kind !== 'late'", 'kind !== mirrorViolation[defect]'),
  watcher('what the pipeline lost had to be seen', "(defect === 'skipped' || sighted.has(stream, seq))", '(seq >= 0)'),
  watcher('what was in doubt had to be seen', 'vouched.has(stream, companionOf(seq)) && (defect', 'vouched.size >= 0 && (defect'),
  watcher('a defect that was not acknowledged had to be seen', "(defect === 'skipped' || vouched.has(stream, seq))", '(seq >= 0)'),
  watcher('a watcher that was cut short is blind', "?.ended?.outcome === 'ok')", '?.ended !== null)'),
  watcher('a watcher that says it could not look is blind', '&& !evidence.missing.some((missing) => missing.hop === name)', ''),
  watcher('what came late had to be out of order', "&& !(defect === 'swapped' && late.has(stream, seq))", ''),
  findings(
    'planted defects are violations of the pipeline',
    'mirrorDefectAt(run.resolved.plan.load, stream, ranges[0] as number) !== null',
    'mirrorDefectAt(run.resolved.plan.load, stream, ranges[0] as number) === undefined',
  ),
  judge('blindness does not matter', '...watcherReasons(run, evidence).map(', '...watcherReasons(run, evidence).slice(99).map('),
  judge(
    'the mirror stream is owed by the pipeline',
    'withoutMirror(run.resolved.plan.load, vouchedFor(run, evidence))',
    'vouchedFor(run, evidence)',
  ),
  evidence(
    'what is told of the mirror stream is not kept',
    'if (!evidence.mirror.has(key)) evidence.mirror.set(key, fact)',
    'if (evidence.mirror.has(key)) evidence.mirror.set(key, fact)',
  ),
  evidence(
    'a skipped one is looked for without end',
    "if (violation === 'lost' && at === hop) missed.add(stream, seq)",
    "if (violation === 'late' && at === hop) missed.add(stream, seq)",
  ),
  outgoing('a record that cannot be changed is written as if it were', 'if (isChanged && wrong === null) return []', ''),
  planting('nothing is skipped', "case 'skipped':\n      return []", "case 'skipped':\n      return [whole]"),
  planting('nothing is doubled', 'return [whole, whole]', 'return [whole]'),
  planting('swapped ones keep their order', "=== 'swapped' ? seq +", "=== 'skipped' ? seq +"),
  planting(
    'a pair half written is written',
    ": { outcome: 'unknown', partition: first.partition",
    ": { outcome: 'failed', partition: first.partition",
  ),
  planting(
    'the field that is changed is one that hops change',
    'for (const { field } of hop.expect) kept.add(field)',
    'for (const { field } of hop.expect) kept.delete(field)',
  ),
  pace('the mirror stream is intended twice', 'placeFirst <= place && place < placeEnd', 'place < placeEnd'),
  inherited('a planted defect is told at the first topic alone', 'mirrorDefectAt(load, one.place.stream, one.place.seq) !== null || ', ''),
  tableFindings(
    'a planted defect is not told at the table',
    'if (mirrorDefectAt(run.resolved.plan.load, stream, seq) !== null) return false',
    '',
  ),
  topicLoss('a skipped one is not suspected', 'withSkipped(proof.load, CanarySet.of(segment.canaries))', 'CanarySet.of(segment.canaries)'),
  tableLoss(
    'a skipped one is not suspected at the table',
    'const owed = withSkipped(run.resolved.plan.load, CanarySet.of(segment.canaries)).',
    'const owed = CanarySet.of(segment.canaries).',
  ),
  tableLoss(
    'a table is done before the skipped is proven',
    'const passedOn = withSkipped(run.resolved.plan.load, hopEvidence(evidence, before).sighted)',
    'const passedOn = hopEvidence(evidence, before).sighted',
  ),
  sighting('latencies of what is late on purpose count', 'if (isTimed?.(place.stream) ?? true) ', ''),
  table('latencies of what is late on purpose count at the table', 'if (!isMirror(run.resolved.plan.load, stream)) ', ''),
  askable(
    'endpoints are asked for planted defects',
    'const inTable = withoutMirror(run.resolved.plan.load, ',
    'const inTable = withoutMirror({ ...run.resolved.plan.load, mirror: undefined }, ',
  ),
  liveMetrics(
    'a blind watcher is not counted',
    "this.#metrics.add('assay_watcher_blind_total', unseen.length,",
    "this.#metrics.add('assay_watcher_blind_total', 0,",
  ),
]

import { answerMutants } from './answers.ts'
import { chaosMutants } from './chaos.ts'
import { contentMutants } from './contents.ts'
import { at, type Mutant } from './mutant.ts'
import { tableMutants } from './tables.ts'
import { topicMutants } from './topics.ts'
import { eventTimeMutants } from './event-times.ts'
import { turnMutants } from './turns.ts'

const ranges = at('shared/core/range-set.ts')
const canaries = at('shared/core/canary-set.ts')
const evidence = at('shared/core/evidence.ts')
const judge = at('shared/core/judge.ts')
const reporter = at('agents/reporter/core.ts')
const alerts = at('agents/reporter/alerts.ts')
const gravity = at('shared/core/gravity.ts')
const faults = at('shared/core/faults.ts')
const ownDelay = at('shared/core/own-delay.ts')
const judgeAgain = at('shared/core/judge-again.ts')
const rules = at('shared/core/stage-rules.ts')
const admission = at('shared/core/admission.ts')
const stage = at('shared/core/stage-progress.ts')
const doubled = at('shared/core/doubled.ts')
const sharing = at('agents/ingestion-checker/judging.ts')
const claims = at('agents/generator/claims.ts')
const corrections = at('shared/core/corrections.ts')
const content = at('shared/core/content.ts')
const sighting = at('agents/ingestion-checker/sighting.ts')
const topicLoss = at('agents/ingestion-checker/loss.ts')
const topic = at('agents/ingestion-checker/topic-work.ts')
const inherited = at('agents/ingestion-checker/inherited.ts')
const topicJudging = at('agents/ingestion-checker/judging.ts')
const unexpected = at('shared/core/unexpected.ts')
const records = at('agents/ingestion-checker/record-check.ts')
const tableLoss = at('agents/storage-reconciler/loss.ts')
const rowChange = at('agents/storage-reconciler/row-change.ts')
const rowCounts = at('agents/storage-reconciler/row-counts.ts')
const lineage = at('agents/storage-reconciler/lineage.ts')
const plan = at('agents/storage-reconciler/file-plan.ts')
const metadata = at('shared/iceberg/metadata.ts')
const changes = at('shared/iceberg/changes.ts')
const bounds = at('shared/iceberg/column-bounds.ts')
const table = at('agents/storage-reconciler/table-work.ts')
const recovery = at('shared/core/recovery.ts')
const auditState = at('shared/core/audit-state.ts')
const auditFindings = at('shared/core/audit-findings.ts')
const audit = at('shared/core/audit.ts')
const tableAudit = at('agents/storage-reconciler/audit.ts')

/** Mistakes that an author of judgement code could make: each must be found by a table or by the simulation. */
export const mutants: readonly Mutant[] = [
  ranges(
    'touching ranges are lost at the joint',
    'while (to < ranges.length && (ranges[to] as number) <= last + 1) to += 2',
    'while (to < ranges.length && (ranges[to] as number) < last) to += 2',
  ),
  ranges(
    'a difference keeps the first of what it takes away',
    'first = (right[scan + 1] as number) + 1',
    'first = (right[scan + 1] as number)',
  ),
  ranges(
    'sizes forget the last member',
    '(ranges[i + 1] as number) - (ranges[i] as number) + 1',
    '(ranges[i + 1] as number) - (ranges[i] as number)',
  ),
  canaries(
    'cover goes on one offset too late',
    'return (ranges[i + 1] as number) + 1\n    return from',
    'return (ranges[i + 1] as number) + 2\n    return from',
  ),
  canaries('part of what is covered counts as all', 'return covered.every(', 'return covered.some('),
  evidence(
    'what failed counts as acknowledged',
    'evidence.acknowledged.addAll(fact.acknowledged)',
    'evidence.acknowledged.addAll(fact.failed)',
  ),
  evidence('a ledger fact that comes twice counts twice', 'if (evidence.ledgerFacts.has(key)) return', ''),
  evidence(
    'a snapshot told twice counts twice',
    'if (evidence.snapshots.some((known) => known.snapshotId === fact.snapshotId && known.hop === fact.hop)) return',
    '',
  ),
  evidence(
    'who intends second moves the clock',
    'if (CanarySet.of(fact.canaries).minus(evidence.intended).size > 0) foldShift(',
    'foldShift(',
  ),
  evidence('an overlap of two readers counts twice', 'if (known) return\n  hop.cover.add(fact.covered)', 'hop.cover.add(fact.covered)'),
  evidence('a correction takes back at every hop', 'violation.hop !== fact.hop || violation.stream', 'violation.stream'),
  evidence(
    'a correction takes back nothing',
    'const rest = difference(violation.standing.ranges, taken)',
    'const rest = violation.standing.ranges',
  ),
  evidence(
    'violations that were taken back stand',
    'filter(({ standing }) => !standing.isEmpty)',
    'filter(({ standing }) => standing !== null)',
  ),
  judge('the mildest reason wins', 'severity[b.verdict] - severity[a.verdict]', 'severity[a.verdict] - severity[b.verdict]'),
  judge(
    'every violation is forgiven',
    'const isForgiven = (violation: Violation) => windows.some((window) => forgives(window, { evidence, run, violation }))',
    'const isForgiven = (_: Violation) => windows.length >= 0',
  ),
  ownDelay('what the generator held back is forgiven, whatever is wrong with it', 'ofTime.has(violation.violation) ?', 'ofTime.size > 0 ?'),
  ownDelay('lateness of others goes with that of our own', 'return left.length === 0 ? []', 'return left.length >= 0 ? []'),
  ownDelay(
    'what a dead generator did not tell is held against the pipeline',
    'takenOut(rest, untoldOf(evidence))',
    'takenOut(rest, evidence.failed)',
  ),
  ownDelay('what the broker left open is nobody’s lateness', '.minus(unknown).minus(failed)', '.minus(failed)'),
  tableLoss('an answer to an earlier look is taken for this one', 'table.looking?.askedAtMs !== askedAtMs', 'table.looking === null'),
  tableLoss('what a sink has read is lost though it committed nothing since', 'committedAtMs > passed.atMs', 'true'),
  tableLoss('who compacts or deletes proves what the sink has lost', " && operation !== 'replace' && rowsAdded > 0", ''),
  tableLoss('a sink is given no time', 'works.base.nowMs <= passed.atMs + table.hop.giveUpAfterMs', 'works.base.nowMs <= passed.atMs'),
  table('what was never sent is waited for', 'canaries.and(intended).minus(failed)', 'canaries'),
  faults('a loss during a fault is forgiven', "if (kind !== 'late' && kind !== 'stale' && kind !== 'slow') return false", ''),
  faults('a fault excuses for as long as the plan would have allowed', 'Math.min(allowedUntilMs, endedMs + recoveryMs)', 'allowedUntilMs'),
  faults('a fault excuses nothing but what is told before the recovery', 'atMs > window.allowedUntilMs', 'atMs > window.untilMs'),
  faults('what a reader who was away did not see did not recover', "if (known?.phase === 'recovered') return []", ''),
  faults('a reader that never came back has seen all', 'if (ended === null) return `', 'if (ended === undefined) return `'),
  judge(
    'what is excused is told early',
    'violationReasons(counted).map(({ text }) => text)',
    'violationReasons(standingViolations(evidence)).map(({ text }) => text)',
  ),
  reporter('a run is told early after its verdict', 'run.judged !== null || !isNews(run, judgement)', '!isNews(run, judgement)'),
  reporter('a run is told early again and again', 'judgement !== null && isNews(run, judgement)', 'judgement !== null'),
  reporter('who was told of delays hears of no loss before the verdict', '|| isGraver(gravest, failing.gravest)', ''),
  gravity('delays come before losses', '(ofTime.has(violation) ? way.length + 1 : 0)', '0'),
  alerts('an alert of delays stands before a loss', 'before !== undefined && !isGraver(gravest, before.gravest)', 'before !== undefined'),
  judge('no acknowledgement is a pass', "if (owedFromSource(run, evidence).size === 0) doubt('no canary was acknowledged')", ''),
  judge('missing evidence is a pass', 'for (const { hop, reason } of evidence.missing) doubt(`${hop}: ${reason}`)', ''),
  judge('canaries nobody saw are a pass', 'if (unaccounted > 0) doubt(', 'if (unaccounted < 0) doubt('),
  judge('unknown canaries must arrive', 'before === undefined ? owed', 'before === undefined ? evidence.intended'),
  judgeAgain(
    'facts from after the verdict count in it',
    'evidence.heard >= published.factsHeard) break',
    'evidence.heard > published.factsHeard) break',
  ),
  faults('a fault that did not bite is a pass', 'inDoubt(`no evidence that ${what} took hold`)', '[]'),
  rules('a cancelled run begins stages', 'if (isOff(book, run, nowMs)) return false', ''),
  rules('clean-up waits for who is not there', 'absentSinceMs(book, { run, stage: name }, nowMs) !== null', 'false'),
  admission(
    'a run that nobody judged takes the time of the next',
    'isOver && hasBegun(run) ? abandonedMs',
    'isOver && !hasBegun(run) ? abandonedMs',
  ),
  rules('clean-up waits for success', 'ended !== null || (off', "ended?.outcome === 'ok' || (off"),
  admission('exclusive runs go on beside others', 'before.isOpen ? null : ', ''),
  stage('the last of two ends of a stage counts', 'said.atMs < known.atMs', 'said.atMs > known.atMs'),
  doubled('sightings that overlap double what is in both', 'if (!areOverlapping(segment.covered, covered)) ', ''),
  sharing('a hop is done before the one it follows', '(before !== null && !hasPart(run, work, before))', 'false'),
  sharing('one part ends the whole stage', 'topics.every(({ name }) => hasPart', 'topics.some(({ name }) => hasPart'),
  claims('who intends second writes as well', 'CanarySet.of(fact.canaries).minus(claims.theirs).toWire()', 'fact.canaries'),
  claims(
    'nobody is waited for',
    'claims.open.some(({ placeFirst }) => placeFirst < next.chunk.placeFirst)',
    'claims.open.some(() => false)',
  ),
  corrections('a late arrival leaves the loss standing', "takeBack(late, 'late')", ''),
  corrections('an arrival in time becomes late', 'takeBack(difference(here, late), null)', "takeBack(difference(here, late), 'late')"),
  content('rounding half up is corruption', 'if (found === away && rest * 2n >= unit) return true', ''),
  content('any shorter number is a loss of precision', 'if (found === down) return true', 'if (found <= whole) return true'),
  sighting('others that were counted before count again', 'if (offset >= position) pending.otherRecords++', 'pending.otherRecords++'),
  sighting('a repeat is news', "return [...suspicions, { violation: 'duplicated', place, fault: null }]", 'return suspicions'),
  sighting('on the deadline is late', 'if (latencyMs <= deliverWithinMs) return', 'if (latencyMs < 0) return'),
  sighting('a batch read twice counts twice', 'if (batch.offsetLast < position) return []', ''),
  sighting('records before the position are judged again', 'if (record.offset < position) continue', ''),
  sighting(
    'order is not watched across what was told',
    'const disordered = behind > seq',
    'const disordered = pending.canaries.last(stream) > seq',
  ),
  topicLoss(
    'at the offset counts as passed',
    '(passed.get(partition) ?? -1) > offsetLast)',
    '(passed.get(partition) ?? -1) >= offsetLast - 1)',
  ),
  topicLoss('progress counts before we have read as far', 'if ((positions.get(partition) ?? 0) < end) return', ''),
  topicLoss('what the second reader found is lost all the same', '.filter((seq) => !found.has(`${stream}/${seq}`))', ''),
  topicLoss('one in a segment passed in part is lost wherever it stands', '!isPart || isBeyond(', 'isPart || isBeyond('),
  topicLoss('progress has passed what stands where it is', '?? -1) > origin.offset', '?? -1) >= origin.offset'),
  topicLoss('parts are looked at though nobody knows a place', 'proof.inParts && watch', 'watch'),
  topic('a sighting is told before its violations', 'const found = sayFindings(', 'const found = findings.length > 0 ? [] : sayFindings('),
  inherited('a finding is told again at every hop behind', 'if (before === null || suspicions', "if (before !== '' || suspicions"),
  topicJudging('a failed look is a proof', 'if (!result.ok) {', 'if (!result.ok && result.reason === undefined) {'),
  topicJudging('a lost one may not turn up any more', 'if (lost.size === 0) return true', 'return true'),
  unexpected(
    'what failed for certain may appear',
    'difference(evidence.intended.ranges(stream), evidence.failed.ranges(stream))',
    'evidence.intended.ranges(stream)',
  ),
  unexpected(
    'what the hop before had is told again',
    'earlier === null ? foreign : difference(foreign, earlier.ranges(stream))',
    'foreign',
  ),
  records('fields that differ are the same', 'if (found !== null) faults.push(', 'if (found === undefined) faults.push('),
  records('lost headers are not missed', 'if (actual === text) continue', 'if (actual === text || actual === null) continue'),
  tableLoss(
    'a table that stands still has lost everything',
    'works.base.nowMs <= segment.atMs + table.hop.giveUpAfterMs ? new CanarySet() : overtaken(owed, here)',
    'owed',
  ),
  tableLoss(
    'what later ones have overtaken is lost wherever it stands',
    'parts.has(stream, seq) && (origin === null || (stored.get(origin.partition) ?? -1) <= origin.offset)',
    'false',
  ),
  tableLoss('nothing is lost before its whole segment is passed', 'if (absent.size === 0 && looksAtParts) {', 'if (false) {'),
  tableLoss('rows before the offset prove a loss', '(stored.get(partition) ?? -1) >= offsetLast)', '(stored.get(partition) ?? -1) >= 0)'),
  tableLoss('what the second look found is lost', 'suspects.minus(CanarySet.ofMembers(result.present)).minus(', 'suspects.minus('),
  tableLoss('nobody waits for a second row', 'if (works.base.nowMs - table.settledSinceMs < SETTLE_MS) return false', ''),
  tableLoss(
    'what was taken away is lost to nobody',
    'hopEvidence(evidence, table.name).sighted.minus(here).minus(settled)',
    'new CanarySet()',
  ),
  tableLoss('what may be in a file nobody can read is lost', 'if (hiding === undefined) findings', 'if (hiding !== null) findings'),
  tableLoss('a file holds what lies beside its bounds', 'offset >= holds.offsetFirst && offset <= holds.offsetLast', 'offset >= 0'),
  rowChange('a second row in a later snapshot is none', 'repeats: placed(extra.toWire(), ', 'repeats: placed([], '),
  rowChange('rows are put back before they are taken', 'extra.present.minus(rows.present)', 'extra.present'),
  rowChange('what a key delete names stays', '[...reading.removed, ...rows.rowsOf(CanarySet.of(reading.emptied))]', '[...reading.removed]'),
  rowChange('all that is live counts as brought anew', 'reading.isWhole ? target.beyond(rows) : read', 'read'),
  rowCounts('a second row is forgotten', 'if (again.size > 0) this.#addTo(at + 1, again.toWire())', ''),
  rowCounts('one row less is no row', 'wanted = wanted.minus(found)', ''),
  lineage('a rollback undoes nothing', 'table.chain.filter((snapshotId) => !undone.has(snapshotId))', 'table.chain'),
  lineage('what was told of a snapshot is undone for good', '...move.restored.filter((id) => told.has(id))', ''),
  metadata(
    'snapshots that expired unread leave no gap',
    'return { kept: followed, undone: [], next, gap: true, tip }',
    'return { kept: followed, undone: [], next, gap: false, tip }',
  ),
  metadata('a commit is seen before its branch is published', 'Math.max(timestampMs, firstMs)', 'timestampMs'),
  changes('equality deletes reach the rows of their own commit', 'deletes.dataSequenceNumber > data.dataSequenceNumber &&', ''),
  bounds('bounds may be narrower than the values', 'order(greatest, to) > 0', 'order(greatest, to) > 1'),
  plan('files that deletes reach are not read', '...touched.map((file) => ({ file, before: true, after: true, isNew: false })),', ''),
  plan('equality deletes reach every partition', 'reachAll(byIdentity, older, specsOf(specs, identityId))', 'true'),
  plan('a compaction may write any number of rows', 'hasDeletes ? after <= before : after === before', 'hasDeletes || after >= 0'),
  table('a snapshot is told before the hop before it', "if (!decided && force === 'decided') break", ''),
  ...answerMutants,
  ...chaosMutants,
  recovery('what never came has recovered', 'if (missing > 0) {', 'if (missing < 0) {'),
  recovery('a recovery that took too long is one', 'if (recoveryMs > recoverWithinMs) {', 'if (recoveryMs < 0) {'),
  ...topicMutants,
  ...tableMutants,
  ...contentMutants,
  ...turnMutants,
  ...eventTimeMutants,
  auditState('an audit is done before the topic has ended', 'isDone: audit.isClosed && !isOpen,', 'isDone: !isOpen,'),
  auditState('parts that differ are passed over', 'if (isSamePrint(print, found)) return', 'if (print.count === found.count) return'),
  auditFindings(
    'a canary that was cleaned up is lost',
    'if (record.isForeign && rows.length === 0)',
    'if (record.isForeign && rows.length > 0)',
  ),
  auditFindings('a second row is none', 'if (rows.length > 1) {', 'if (rows.length > 2) {'),
  auditFindings('what nobody can read differs from its rows', 'if (unreadable > 0) return', 'if (unreadable < 0) return'),
  auditFindings('canaries that were cleaned up are lost', 'if (foreign === 0 || table', 'if (foreign >= 0 || table'),
  auditState(
    'what was told before a window was opened anew counts',
    'audit.nodes.get(intervalKey(interval, round))',
    'audit.nodes.get(intervalKey(interval, 0))',
  ),
  auditState('a window is never compared once more', 'const ROUNDS_MAX = 3', 'const ROUNDS_MAX = 0'),
  auditState('a window is compared for ever', 'const ROUNDS_MAX = 3', 'const ROUNDS_MAX = Infinity'),
  tableAudit('rows that were added later are not told', 'work.isWatched = grown.length === 0', 'work.isWatched = true'),
  tableAudit(
    'nobody waits for rows that come later',
    '- (work.comparedSinceMs ?? nowMs) < WATCHED_MS',
    '- (work.comparedSinceMs ?? nowMs) < 0',
  ),
  audit('the last window is left out', 'if (isLast || spanOf(window) === windowOffsets)', 'if (spanOf(window) === windowOffsets)'),
  tableAudit(
    'a table is compared before it has come so far',
    'lastRecord === null || offset >= lastRecord',
    'lastRecord === null || offset >= 0',
  ),
  tableAudit(
    'a row behind the last record of a window is not waited for',
    'if (offset >= offsetLast) return true',
    'if (offset >= (lastRecord ?? -1)) return true',
  ),
  tableAudit('a row that may come is not waited for', '!one.mayCome || nowMs >', '!one.mayCome || nowMs + Infinity >'),
]

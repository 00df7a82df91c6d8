import { at, type Mutant } from './mutant.ts'

const files = at('agents/storage-reconciler/file-checks.ts')
const repeated = at('agents/storage-reconciler/repeated-offsets.ts')
const rules = at('agents/storage-reconciler/rule-checks.ts')
const endRules = at('agents/storage-reconciler/end-rules.ts')
const endTelling = at('agents/storage-reconciler/end-rule-telling.ts')
const live = at('agents/storage-reconciler/live-reading.ts')
const following = at('agents/storage-reconciler/table-following.ts')
const loss = at('agents/storage-reconciler/loss.ts')
const vectors = at('shared/iceberg/deletion-vectors.ts')
const pages = at('shared/engines/page-checksums.ts')

/** Mistakes in what is read of a table, and in what its files are held to. */
export const tableMutants: readonly Mutant[] = [
  files('a file that is too long has the size its manifest says', 'if (size !== file.fileSizeBytes)', 'if (size < file.fileSizeBytes)'),
  files(
    'records that are missing from a file are not missed',
    'columns.rowCount !== file.recordCount',
    'columns.rowCount > file.recordCount',
  ),
  files(
    'a transfer that went wrong is a damaged file',
    "const columns = 'damage' in first ? await examineAgain(context, { file, path }) : first",
    'const columns = first',
  ),
  files(
    'a page that decodes is what its writer wrote',
    'return changed === null ? columns : { damage: changed }',
    'return changed === undefined ? columns : columns',
  ),
  files(
    'a file is what it was when it was read',
    '(await fetchFile(context, file)).path, only)) !== null',
    '(await fetchFile(context, file)).path, only)) === undefined',
  ),
  files(
    'a delete file whose transfer went wrong is damaged',
    'await rename(again.path, path)\n  return damageOf(',
    'void again\n  return damageOf(',
  ),
  repeated('files that share the last offset have none in common', 'offsetFirst <= one.offsetLast', 'offsetFirst < one.offsetLast'),
  repeated('files that share the first offset have none in common', 'one.offsetFirst <= offsetLast', 'one.offsetFirst < offsetLast'),
  repeated(
    'another record at the same offset is the same one',
    'const columns = [identity, kafka.partitionField,',
    'const columns = [kafka.partitionField,',
  ),
  repeated(
    'a record that was sent twice was stored twice',
    'const columns = [identity, kafka.partitionField, kafka.offsetField]',
    'const columns = [identity, kafka.partitionField]',
  ),
  repeated('what was deleted from an earlier file is in it', '{ file: earlier, deletes })]', '{ file: earlier, deletes: [] })]'),
  repeated('a canary that comes again is told a second time', 'IS DISTINCT FROM ${quoteText(marker.value)}`', 'IS NOT NULL`'),
  repeated('who was started anew knows no earlier file', 'noteUnread(context, { known, standing, read })\n  const faults', 'const faults'),
  rules(
    'what was produced to break a rule is held against the pipeline',
    'answer.listed.filter((row) => !expected.excuses(row))',
    'answer.listed.slice()',
  ),
  rules('one row that was produced to break a rule excuses all', ': identities.has(identity)', ': identities.size > 0'),
  rules('a rule for canaries is held against others', "check.rows === 'all')", 'check.rows !== undefined)'),
  rules(
    'a rule that could not be asked of one file was checked',
    'unchecked: checks.find(({ unchecked }) => unchecked !== null)?.unchecked ?? null,',
    'unchecked: first.unchecked,',
  ),
  rules('of several files the first alone counts', 'rows: total(({ rows }) => rows)', 'rows: first.rows'),
  endRules('rules over all rows are asked of whatever is there by now', 'find((one) => String(one.snapshotId) === snapshotId)', 'at(-1)'),
  endTelling('rules that could not be asked once are given up', '++endRules.failed >= ASKS_FAILED_MAX', '++endRules.failed > 0'),
  endTelling('rules that cannot be asked are asked for ever', '++endRules.failed >= ASKS_FAILED_MAX', '++endRules.failed > Infinity'),
  live(
    'what nobody can read breaks no rule',
    'if (hidden === undefined) return { checks, faults }',
    'if (hidden !== null) return { checks, faults }',
  ),
  live('a second look reads every file', 'unreadable: read.unreadable }', 'unreadable: [] }'),
  live('a second look finds what was deleted', 'const plan = { ...whole, files:', 'const plan = { ...whole, deletesAfter: [], files:'),
  following(
    'a table that is set forward again stands where it stood',
    'if (undone.length > 0 || restored.length > 0) {',
    'if (undone.length > 0) {',
  ),
  following(
    'a table that is made again is the same',
    'if (was === null || tableUuid === was) return',
    'if (was === null || tableUuid !== null) return',
  ),
  following(
    'a file that a compaction has taken since is missing',
    "if (this.#unusable.has(place) || !(await this.#isLive(file))) return 'expired'",
    "if (this.#unusable.has(place)) return 'expired'",
  ),
  following(
    'what a snapshot that expires takes with it is broken',
    "if (named === undefined) return 'expired'",
    'if (named === undefined) throw error',
  ),
  following('metadata that came damaged once is broken', 'if (found === null) throw error', ''),
  following('a broken snapshot is told at each poll', 'if (!this.#broken.has(snapshotId)) {', 'if (snapshotId !== null) {'),
  loss('a second look that failed once is the last', 'const LOOKS_FAILED_MAX = 5', 'const LOOKS_FAILED_MAX = 1'),
  loss(
    'what was told as lost is not looked for where it is again',
    'missing.addAll(lostAt(evidence, table.name).and(table.rows.present).toWire())',
    '',
  ),
  vectors('positions beyond 32 bits are cut', 'const base = u32(cursor) * 2 ** 32', 'const base = u32(cursor)'),
  vectors('a bitmap of 64-bit words is read as one of 32', 'base + word * 32 + bit', 'base + word * 64 + bit'),
  vectors('as many as an array holds make a bitmap', 'cardinality > ARRAY_MAX', 'cardinality >= ARRAY_MAX'),
  vectors('few containers with runs have offsets', 'count >= OFFSETS_FROM', 'count > OFFSETS_FROM'),
  vectors('a run ends one too early', 'k <= more', 'k < more'),
  vectors('a damaged vector is believed', 'if (crc32(checked) !== crc) throw', 'if (length < 0) throw'),
  vectors(
    'positions that are missing are the first row',
    'if (this.count !== this.#values.length) throw',
    'if (this.count > this.#values.length) throw',
  ),
  pages('checksums are compared with their sign', 'crc32(data) !== header.crc >>> 0', 'crc32(data) !== header.crc'),
  pages('a page without a checksum has changed', 'if (header.crc !== null && crc32', 'if (crc32'),
  pages('the first page alone is looked at', 'at < chunk.length; page++', 'at < chunk.length && page < 1; page++'),
  pages('the dictionary is not looked at', 'least(dictionary_page_offset, data_page_offset) AS first', 'data_page_offset AS first'),
]

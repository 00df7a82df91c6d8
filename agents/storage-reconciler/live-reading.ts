import type { CanarySet } from '../../shared/core/canary-set.ts'
import { termsOf } from '../../shared/core/rules.ts'
import { readLiveFiles } from '../../shared/iceberg/snapshot-reader.ts'
import type { RulesRead } from './events.ts'
import { planWhole } from './file-plan.ts'
import { readFiles, type FilesRead } from './planned-files.ts'
import { readContext } from './read-context.ts'
import { checkEndTerms } from './rule-checks.ts'
import { countRunRows } from './run-rows.ts'
import { unusableOf, type SnapshotInput, type TableReading } from './snapshot-reading.ts'
import type { ReadContext } from './table-files.ts'

export interface LivePresence {
  readonly present: CanarySet
  readonly unreadable: FilesRead['unreadable']
}

/** Which canaries have a row at a snapshot, from files fetched anew. */
export async function readPresence(reading: TableReading, input: LiveInput): Promise<LivePresence> {
  const context = readContext(reading, input)
  const read = await readLive(context, input)
  return { present: (await countRunRows(context, read.after)).present, unreadable: read.unreadable }
}

type LiveInput = Pick<SnapshotInput, 'snapshot' | 'metadata' | 'since' | 'folder'>

/** Rules over all rows of the run, at one snapshot, from files fetched anew. */
export async function readEndRules(reading: TableReading, input: LiveInput): Promise<RulesRead> {
  const context = readContext(reading, input)
  const read = await readLive(context, input)
  const terms = termsOf(reading.hop)
  const { present } = await countRunRows(context, read.after)
  const { checks, faults } = await checkEndTerms(context, { canaries: reading.canaries, present, paths: read.after.paths, terms })
  const [hidden] = read.unreadable
  if (hidden === undefined) return { checks, faults }
  return { checks: checks.map((check) => ({ ...check, unchecked: `${hidden.file} cannot be read` })), faults }
}

async function readLive(context: ReadContext, { snapshot, since }: LiveInput): Promise<FilesRead> {
  const live = await readLiveFiles(context.manifests, snapshot, since)
  const unusable = new Map<string, string>()
  for (;;) {
    try {
      const whole = planWhole(live)
      const plan = { ...whole, files: whole.files.map((planned) => ({ ...planned, isNew: false })) }
      return await readFiles(context, { plan, unusable, withOffsets: false })
    } catch (error) {
      const found = await unusableOf(context, error, live.deletes)
      if (found === null || unusable.has(found.place)) throw error
      unusable.set(found.place, found.actual)
      context.fetched.clear()
    }
  }
}

import type { CanaryAt } from '../../shared/core/canary.ts'
import { spanIdOf, traceIdOf } from '../../shared/core/identity.ts'
import { fieldText, type FieldType, type RecordField } from '../../shared/core/record-schema.ts'
import type { RecordCodec } from '../../shared/runtime/record-codec.ts'
import { traceparent } from '../../shared/runtime/tracing.ts'
import type { ResolvedRun } from '../../topology/resolved-run.ts'
import { SOURCE_HOP } from '../../topology/topology.ts'
import type { OutgoingCanary } from './canary-writers.ts'
import { changedRecord, copiesOf } from './planting.ts'

export interface RunSource {
  readonly at: CanaryAt
  readonly codec: RecordCodec
  readonly keyType: FieldType
  /** What a changed canary of the mirror stream has wrong. */
  readonly toChange: RecordField | null
}

export interface MadeCanary {
  readonly records: readonly OutgoingCanary[]
  /** Why nothing can be written for it; null where it can. */
  readonly refusal: string | null
}

/** Content that does not fit the schema is the topology's fault, and ends no agent: it is not written, and that is told. */
export function makeCanary(of: RecordsOf): MadeCanary {
  try {
    return { records: recordsOf(of), refusal: null }
  } catch (error) {
    return { records: [], refusal: `a canary cannot be encoded: ${error instanceof Error ? error.message : String(error)}` }
  }
}

/** What is to be written for one canary: one record, unless a defect is planted with it. */
export function recordsOf({ runId, canary, source, resolved }: RecordsOf): OutgoingCanary[] {
  const { stream, seq } = canary
  const content = source.at(stream, seq)
  const traceId = traceIdOf({ runId, stream, seq })
  return copiesOf(resolved.plan.load, stream, seq).flatMap(({ isChanged, hasHeaders }, copy): OutgoingCanary[] => {
    const wrong =
      isChanged && source.toChange !== null ? changedRecord(content, source.toChange, (more) => source.at(stream, seq + more)) : null
    // A record without anything to change is not planted, nor written as if it were.
    if (isChanged && wrong === null) return []
    return [
      {
        canary: { runId, stream, seq },
        copy,
        key: fieldText(source.keyType, content[resolved.record.key] ?? null),
        value: source.codec.encode(wrong ?? content),
        headers: hasHeaders ? { traceparent: traceparent(traceId, spanIdOf(traceId, SOURCE_HOP)) } : {},
      },
    ]
  })
}

interface RecordsOf {
  readonly runId: string
  readonly canary: { readonly stream: number; readonly seq: number }
  readonly source: RunSource
  readonly resolved: ResolvedRun
}

import { parse, stringify } from 'lossless-json'
import { z } from './config.ts'
import { PipelineError } from './errors.ts'

const REQUEST_TIMEOUT_MS = 3_000
const NOT_FOUND = 404

/** Snapshot ids have 63 bits: whole numbers become bigint, never number. */
function keepWhole(text: string): unknown {
  return parse(text, undefined, (digits) => (/^-?\d+$/.test(digits) ? BigInt(digits) : Number(digits)))
}

const snapshotShape = z.object({
  'snapshot-id': z.bigint(),
  'parent-snapshot-id': z.bigint().optional(),
  'timestamp-ms': z.bigint().transform(Number),
  'manifest-list': z.string(),
  summary: z.object({ operation: z.string(), 'total-records': z.string().optional() }).catchall(z.string()),
})
const tableAnswer = z.object({
  metadata: z.object({
    'format-version': z.bigint().transform(Number),
    'table-uuid': z.string(),
    location: z.string(),
    'last-sequence-number': z.bigint().default(0n),
    'current-schema-id': z.bigint().transform(Number),
    schemas: z.array(
      z.object({
        'schema-id': z.bigint().transform(Number),
        fields: z.array(z.object({ id: z.bigint().transform(Number), name: z.string() })),
      }),
    ),
    properties: z.record(z.string(), z.string()).default({}),
    'current-snapshot-id': z.bigint().nullish(),
    snapshots: z.array(snapshotShape).default([]),
    refs: z.record(z.string(), z.object({ 'snapshot-id': z.bigint() })).default({}),
  }),
})

export type Snapshot = {
  id: bigint
  parentId: bigint | undefined
  tableUuid: string
  operation: string
  /** As the snapshot's summary tells it; undefined where it does not, or where deletes make it no row count. */
  rows: bigint | undefined
}

export type TableMetadata = z.output<typeof tableAnswer>['metadata']
/** From the catalog's answer. Throws ZodError where it is none. */
export const tableMetadataOf = (text: string): TableMetadata => tableAnswer.parse(keepWhole(text)).metadata

export type TableSnapshot = TableMetadata['snapshots'][number]

/** What a retention says in the summary of its snapshot: every row it took away is of a record that Kafka got before, Unix ms. */
export const RETIRED_BEFORE = 'keeper.retired-before-ms'

/** The catalog deletes metadata files that more than these have come after, in place of keeping each for ever. */
const METADATA_KEPT: Readonly<Record<string, string>> = {
  'write.metadata.delete-after-commit.enabled': 'true',
  'write.metadata.previous-versions-max': '100',
}

/** One change of the table, as the catalog's API takes it: all of it if each requirement holds, else nothing. */
export type Change = { requirements: readonly object[]; updates: readonly object[] }

const CONFLICT = 409

export type CatalogSettings = { url: string; namespace: string; table: string }

/** The Iceberg REST catalog, asked for one table. */
export class Catalog {
  private readonly tableUrl: string
  private readonly label: string
  constructor({ url, namespace, table }: CatalogSettings) {
    this.tableUrl = `${url.replace(/\/$/, '')}/v1/namespaces/${encodeURIComponent(namespace)}/tables/${encodeURIComponent(table)}`
    this.label = `${namespace}.${table}`
  }

  /** `refs` keeps the answer short however many snapshots the table has. */
  async currentSnapshot(): Promise<Snapshot> {
    const { metadata } = await this.load('refs')
    const id = metadata['current-snapshot-id']
    const found = metadata.snapshots.find((snapshot) => snapshot['snapshot-id'] === id)
    if (found === undefined) throw new PipelineError('TABLE_MISSING', `table ${this.label}: expected a current snapshot, found none`)
    const { summary } = found
    const deletes = ['total-delete-files', 'total-position-deletes', 'total-equality-deletes'].some(
      (name) => (summary[name] ?? '0') !== '0',
    )
    const total = summary['total-records']
    return {
      id: found['snapshot-id'],
      parentId: found['parent-snapshot-id'],
      tableUuid: metadata['table-uuid'],
      operation: summary.operation,
      rows: deletes || total === undefined ? undefined : BigInt(total),
    }
  }

  /** All of the table's metadata; long where it has many snapshots. */
  async metadata(): Promise<TableMetadata> {
    return (await this.load('all')).metadata
  }

  /** Takes snapshots of before `olderThanMs` (Unix ms) out of the table's metadata, those that a branch or tag names aside. Gives how many. */
  async expireSnapshots(olderThanMs: number): Promise<number> {
    const metadata = await this.metadata()
    const named = new Set(Object.values(metadata.refs).map((ref) => ref['snapshot-id']))
    const old = metadata.snapshots.filter((one) => one['timestamp-ms'] < olderThanMs && !named.has(one['snapshot-id']))
    const updates = [
      ...(Object.entries(METADATA_KEPT).every(([name, value]) => metadata.properties[name] === value)
        ? []
        : [{ action: 'set-properties', updates: METADATA_KEPT }]),
      ...(old.length === 0 ? [] : [{ action: 'remove-snapshots', 'snapshot-ids': old.map((one) => one['snapshot-id']) }]),
    ]
    if (updates.length === 0) return 0
    const done = await this.commit({ requirements: [{ type: 'assert-table-uuid', uuid: metadata['table-uuid'] }], updates })
    return done ? old.length : 0
  }

  /** False where a requirement does not hold: somebody else was first. */
  async commit(change: Change): Promise<boolean> {
    const body = stringify(change) ?? ''
    const response = await this.ask('', { method: 'POST', headers: { 'content-type': 'application/json' }, body })
    if (response.status === CONFLICT) return false
    if (!response.ok) throw new PipelineError('CATALOG_UNAVAILABLE', `catalog ${this.tableUrl}: expected 200, found ${response.status}`)
    return true
  }

  /**
   * How many rows went between two snapshots, if all that happened was that rows were added and that old ones were retired:
   * those of records from before `beforeMs`. Undefined if anything else did, or if it cannot be seen any more.
   */
  async rowsRetired({ from, to, beforeMs }: { from: bigint; to: bigint; beforeMs: number }): Promise<bigint | undefined> {
    const { snapshots } = await this.metadata()
    return retiredBetween(snapshots, { from, to, beforeMs })
  }

  private async ask(query: string, options: RequestInit = {}): Promise<Response> {
    try {
      return await fetch(`${this.tableUrl}${query}`, { ...options, signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS) })
    } catch (cause) {
      throw new PipelineError('CATALOG_UNAVAILABLE', `catalog ${this.tableUrl}: no answer`, { cause })
    }
  }

  private async load(snapshots: 'all' | 'refs'): Promise<z.output<typeof tableAnswer>> {
    const response = await this.ask(`?snapshots=${snapshots}`)
    if (response.status === NOT_FOUND) throw new PipelineError('TABLE_MISSING', `table ${this.label}: the catalog does not know it`)
    if (!response.ok) throw new PipelineError('CATALOG_UNAVAILABLE', `catalog ${this.tableUrl}: expected 200, found ${response.status}`)
    const parsed = tableAnswer.safeParse(keepWhole(await response.text()))
    if (!parsed.success) throw new PipelineError('CATALOG_UNAVAILABLE', `catalog ${this.tableUrl}: ${parsed.error.message}`)
    return parsed.data
  }
}

export function retiredBetween(
  snapshots: readonly TableSnapshot[],
  { from, to, beforeMs }: { from: bigint; to: bigint; beforeMs: number },
): bigint | undefined {
  const byId = new Map(snapshots.map((one) => [one['snapshot-id'], one]))
  let retired = 0n
  for (let at: bigint | undefined = to; at !== from;) {
    const snapshot: TableSnapshot | undefined = at === undefined ? undefined : byId.get(at)
    if (snapshot === undefined) return undefined
    const { summary } = snapshot
    if (summary.operation !== 'append') {
      const retiredBeforeMs = Number(summary[RETIRED_BEFORE] ?? Infinity)
      if (summary.operation !== 'delete' || !(retiredBeforeMs <= beforeMs)) return undefined
      retired += BigInt(summary['deleted-records'] ?? '0')
    }
    // A chain without end is none: each snapshot is passed once.
    byId.delete(snapshot['snapshot-id'])
    at = snapshot['parent-snapshot-id']
  }
  return retired
}

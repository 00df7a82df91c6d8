import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { keepNewest } from '../../shared/core/bounded.ts'
import { sumCount, type TimesTold } from '../../shared/core/audit.ts'
import { AssayError } from '../../shared/core/errors.ts'
import type { DuckDb } from '../../shared/engines/duckdb.ts'
import type { ObjectStore } from '../../shared/iceberg/object-store.ts'
import type { TableCatalog } from '../../shared/iceberg/rest-catalog.ts'
import { baselineOf, emptyBaseline, ManifestReader, type Baseline } from '../../shared/iceberg/snapshot-reader.ts'
import type { KafkaAdmin } from '../../shared/runtime/kafka-admin.ts'
import type { Log } from '../../shared/runtime/log.ts'
import type { Metrics } from '../../shared/runtime/metrics.ts'
import { hopName, sinkTopic, type TableHop, type Topology } from '../../topology/topology.ts'
import {
  readTableAdditions,
  readTablePrints,
  readTableProgress,
  readTableRecords,
  type KnownOffsets,
  type TableAuditAccess,
} from './audit-reading.ts'
import type { TableAuditEffect, TableAuditEvent } from './audit-events.ts'
import type { TableRows } from './table-files.ts'
import { readTableTimes } from './times-reading.ts'

export interface TableAuditorPorts {
  readonly topology: Topology
  readonly admin: Pick<KafkaAdmin, 'groupOffsets' | 'topicOffsets'>
  readonly catalog: TableCatalog
  readonly store: ObjectStore
  readonly db: DuckDb
  readonly tableRows: TableRows
  readonly log: Log
  readonly metrics: Metrics
  readonly workDir: string
}

const OFFSETS_KEPT_MAX = 16

/** Asks catalog, store and engine what the audit wants to know of tables; decides nothing. Every effect is answered. */
export class TableAuditor {
  readonly #ports: TableAuditorPorts
  readonly #known = new Map<string, KnownOffsets>()
  #folders = 0

  constructor(ports: TableAuditorPorts) {
    this.#ports = ports
  }

  async perform(effect: TableAuditEffect, send: (event: TableAuditEvent) => void): Promise<void> {
    const { log } = this.#ports
    try {
      send(await this.#answer(effect))
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      log.debug({ runId: effect.runId, err: error }, `audit: ${effect.type} has no answer yet`)
      // A baseline is asked for again by itself.
      if (effect.type !== 'audit-baseline') send({ type: 'audit-trouble', runId: effect.runId, hop: effect.hop, reason })
    }
  }

  async #answer(effect: TableAuditEffect): Promise<TableAuditEvent> {
    const { runId, hop: name } = effect
    const hop = this.#ports.topology.hops.find((one): one is TableHop => one.kind === 'table' && hopName(one) === name)
    if (hop === undefined) throw new AssayError('INPUT_INVALID', `topology ${this.#ports.topology.name} of this agent has no ${name}`)
    if (effect.type === 'audit-baseline') return { type: 'audit-baselined', runId, baseline: await this.#baseline(hop) }
    const folder = join(this.#ports.workDir, `audit-${++this.#folders}`)
    await mkdir(folder, { recursive: true })
    try {
      const access: TableAuditAccess = { ...this.#ports, hop, runId, folder, manifests: new ManifestReader(this.#ports.store) }
      switch (effect.type) {
        case 'audit-look': {
          const seen = await readTableProgress(access, effect, this.#offsetsOf(`${runId}/${name}`))
          return { type: 'audit-table-seen', runId, hop: name, ...seen, sink: await this.#sink(hop) }
        }
        case 'audit-prints': {
          const prints = await readTablePrints(access, effect)
          this.#ports.metrics.add(
            'assay_reconciler_audited_total',
            prints.reduce((sum, one) => sum + sumCount(one.prints), 0),
          )
          return { type: 'audit-prints-read', runId, hop: name, prints }
        }
        case 'audit-records':
          return { type: 'audit-records-read', runId, hop: name, records: await readTableRecords(access, effect) }
        case 'audit-additions':
          return {
            type: 'audit-additions-seen',
            runId,
            hop: name,
            ...(await readTableAdditions(access, effect, this.#offsetsOf(`${runId}/${name}`))),
          }
        case 'audit-counts': {
          const counted = await readTableTimes(access, effect)
          return {
            type: 'audit-counted',
            runId,
            hop: name,
            ...counted,
            grew: await this.#hasGrown(effect.told),
            sink: await this.#sink(hop),
          }
        }
        default:
          return effect satisfies never
      }
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  }

  async #baseline(hop: TableHop): Promise<Baseline> {
    try {
      const { metadata } = await this.#ports.catalog.loadTable(hop)
      return baselineOf(metadata, hop.branch)
    } catch (error) {
      // A table that the sink has yet to create has no rows: that is a beginning, too.
      if (error instanceof AssayError && error.code === 'TABLE_MISSING') return emptyBaseline
      throw error
    }
  }

  /** Behind what was counted in the topic; asked once the rows are counted. */
  async #hasGrown({ topic, ends }: TimesTold): Promise<boolean> {
    const highs = new Map(ends.map(({ partition, high }) => [partition, high]))
    return (await this.#ports.admin.topicOffsets(topic)).some(({ partition, high }) => high > (highs.get(partition) ?? 0))
  }

  #offsetsOf(key: string): KnownOffsets {
    const known: KnownOffsets = this.#known.get(key) ?? new Map<string, never>()
    this.#known.set(key, known)
    keepNewest(this.#known, OFFSETS_KEPT_MAX)
    return known
  }

  /** Not to know it is no trouble: the rows themselves tell, as long as they come. */
  async #sink({ sinkGroup, ...hop }: TableHop): Promise<Map<number, number>> {
    const topic = sinkTopic(hop)
    if (sinkGroup === null || topic === null) return new Map()
    try {
      const offsets = await this.#ports.admin.groupOffsets(sinkGroup, topic)
      return new Map(offsets.flatMap(({ partition, offset }) => (offset === null ? [] : [[partition, offset] as const])))
    } catch (error) {
      this.#ports.log.debug({ sinkGroup, err: error }, 'how far the sink has come is not known at the moment')
      return new Map()
    }
  }
}

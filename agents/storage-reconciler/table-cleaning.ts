import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { openDuckDb } from '../../shared/engines/duckdb.ts'
import { removeRowsOfRun, type Lake } from '../../shared/engines/lake-rows.ts'
import type { Log } from '../../shared/runtime/log.ts'
import { hopName, type Topology } from '../../topology/topology.ts'
import type { CleanUpResult } from './events.ts'

export interface CleaningPorts {
  readonly topology: Topology
  readonly extensionDir: string | null
  readonly workDir: string
  readonly log: Log
}

/** A sink that commits at the same moment makes ours fail. */
const TRIES = 5
const RETRY_MS = 1_000
const MEMORY_LIMIT_MB = 128

/** Deletes a run's rows from every table that allows it. An engine of its own: one that can write stays open no longer than it must. */
export async function cleanTables(ports: CleaningPorts, runId: string): Promise<CleanUpResult> {
  const { topology, log } = ports
  for (let attempt = 1; ; attempt++) {
    try {
      return await tryToClean(ports, runId)
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      log.warn({ runId, attempt, err: error }, 'the run could not be cleaned up')
      if (attempt === TRIES) return { ok: false, reason: `${topology.name}: ${reason}` }
      await sleep(RETRY_MS)
    }
  }
}

async function tryToClean({ topology, extensionDir, workDir }: CleaningPorts, runId: string): Promise<CleanUpResult> {
  const { catalog, s3 } = topology.connections
  const { identity, marker } = topology.record
  const lake: Lake = { catalog, s3, extensionDir }
  const tempDir = join(workDir, `clean-${runId}`)
  await mkdir(tempDir, { recursive: true })
  const tables: Extract<CleanUpResult, { ok: true }>['tables'][number][] = []
  try {
    for (const hop of topology.hops) {
      if (hop.kind !== 'table') continue
      if (hop.cleanUp === null) {
        tables.push({ hop: hopName(hop), rows: null })
        continue
      }
      const db = await openDuckDb({ memoryLimitMb: MEMORY_LIMIT_MB, threads: 1, tempDir })
      try {
        const rows = await removeRowsOfRun(db, lake, { namespace: hop.namespace, table: hop.table, identity, marker, runId })
        tables.push({ hop: hopName(hop), rows })
      } finally {
        db.close()
      }
    }
  } finally {
    await rm(tempDir, { recursive: true, force: true })
  }
  return { ok: true, tables }
}

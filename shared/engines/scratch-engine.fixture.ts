import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import { openDuckDb, type DuckDb } from './duckdb.ts'

export interface ScratchEngine {
  readonly db: DuckDb
  readonly folder: string
}

/** An engine and a folder for the tests of a file or a `describe`: there while they run, gone after them. */
export function useScratchEngine({ threads = 1 } = {}): ScratchEngine {
  const scratch = {} as { db: DuckDb; folder: string }
  beforeAll(async () => {
    scratch.folder = await mkdtemp(join(tmpdir(), 'assay-scratch-'))
    scratch.db = await openDuckDb({ memoryLimitMb: 200, threads, tempDir: scratch.folder })
  })
  afterAll(async () => {
    scratch.db.close()
    await rm(scratch.folder, { recursive: true })
  })
  return scratch
}

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { lineOfPath, type Problem } from '../../topology/load.ts'
import type { Hop, Topology } from '../../topology/topology.ts'
import { openDuckDb } from './duckdb.ts'
import { sqlProblem } from './sql-check.ts'

interface Placed {
  readonly path: readonly (string | number)[]
  readonly sql: string
  readonly form: 'expression' | 'query'
}

const MEMORY_LIMIT_MB = 64

/** What is wrong with the SQL in a topology, each with file, line and path. Whether a table has the columns is known at run time only. */
export async function topologySqlProblems(file: string, text: string, { hops }: Topology): Promise<Problem[]> {
  const placed = hops.flatMap((hop, index) => sqlOf(hop).map((one) => ({ ...one, path: ['hops', index, ...one.path] })))
  if (placed.length === 0) return []
  const tempDir = await mkdtemp(join(tmpdir(), 'assay-sql-'))
  const db = await openDuckDb({ memoryLimitMb: MEMORY_LIMIT_MB, threads: 1, tempDir })
  const problems: Problem[] = []
  try {
    for (const { path, sql, form } of placed) {
      const message = await sqlProblem(db, sql, form)
      if (message !== null) problems.push({ file, line: lineOfPath(file, text, path), path: path.join('.'), message: `SQL: ${message}` })
    }
  } finally {
    db.close()
    await rm(tempDir, { recursive: true, force: true })
  }
  return problems
}

function sqlOf(hop: Hop): Placed[] {
  const expected = hop.kind === 'topic' || hop.kind === 'table' ? hop.expect : []
  const rules = hop.kind === 'table' ? hop.rules : []
  return [
    ...expected.map(({ sql }, i): Placed => ({ path: ['expect', i, 'sql'], sql, form: 'expression' })),
    ...rules.flatMap(({ each, sql }, i): Placed[] => [
      ...(each === undefined ? [] : [{ path: ['rules', i, 'each'], sql: each, form: 'expression' as const }]),
      ...(sql === undefined ? [] : [{ path: ['rules', i, 'sql'], sql, form: 'query' as const }]),
    ]),
  ]
}

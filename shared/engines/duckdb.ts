import {
  BIGINT,
  BLOB,
  BOOLEAN,
  DECIMAL,
  DOUBLE,
  DuckDBBlobValue,
  DuckDBDataChunk,
  DuckDBDecimalValue,
  DuckDBInstance,
  DuckDBMapValue,
  INTEGER,
  MAP,
  VARCHAR,
} from '@duckdb/node-api'
import type { DuckDBConnection, DuckDBType, DuckDBValue } from '@duckdb/node-api'
import { AssayError } from '../core/errors.ts'

/** What the engine takes in one data chunk. */
const CHUNK_ROWS = 2048

export interface DuckDbOptions {
  memoryLimitMb: number
  threads: number
  /** Where the engine spills what does not fit in memory. */
  tempDir: string
  /**
   * Opens the engine anew after so many calls, as soon as it holds no table. What an instance that is kept takes wanders
   * far above what it needs (60 MiB over 1,000 comparisons of rows); closing it gives that back. Not for who attaches or
   * loads anything, nor for streams that read from no table of the engine's: these would be closed.
   */
  renewAfterCalls?: number
}

/** Integers of 64 bits and more are bigint; decimals, dates, blobs and nested values are the engine's text. */
export type SqlValue = null | boolean | number | bigint | string
export type SqlRow = Record<string, SqlValue>

export interface ColumnChunk {
  rowCount: number
  columns: SqlValue[][]
}

/** A column to be appended. Decimals are unscaled integers: 1.50 at scale 2 is 150n. */
export type Column = { name: string } & (
  | { type: 'varchar'; values: readonly (string | null)[] }
  | { type: 'bigint'; values: readonly (bigint | null)[] }
  | { type: 'integer'; values: readonly (number | null)[] }
  | { type: 'double'; values: readonly (number | null)[] | Float64Array }
  | { type: 'boolean'; values: readonly (boolean | null)[] }
  | { type: 'blob'; values: readonly (Uint8Array | null)[] }
  | { type: 'decimal'; precision: number; scale: number; values: readonly (bigint | null)[] }
  | { type: 'map'; values: readonly (Readonly<Record<string, string>> | null)[] }
)

export interface EngineCalls {
  /** For results that fit in memory. Parameters are `?` in the SQL. */
  query(sql: string, parameters?: readonly SqlValue[]): Promise<SqlRow[]>
  /** Makes `table` anew as a temporary table of these columns, all nullable and of one length. */
  appendColumns(table: string, columns: readonly Column[]): Promise<void>
}

/** One connection: calls run one after the other, and a stream ends when the next call begins. Errors are ENGINE_FAILED. */
export interface DuckDb extends EngineCalls {
  /** Column values chunk by chunk, as the engine yields them; memory does not grow with the result. */
  stream(sql: string): AsyncGenerator<ColumnChunk>
  /**
   * Calls that belong together, with no others between them: what they append and drop again does not keep the engine from
   * being opened anew, as tables of several callers at a time would. The work makes its calls on what it is given.
   */
  together<T>(work: (calls: EngineCalls) => Promise<T>): Promise<T>
  close(): void
}

export async function openDuckDb(options: DuckDbOptions): Promise<DuckDb> {
  let engine = await openEngine(options)
  let callsSoFar = 0
  const renew = async () => {
    if (callsSoFar++ < (options.renewAfterCalls ?? Infinity) || (await holdsTables(engine.connection))) return
    const before = engine
    engine = await openEngine(options)
    closeEngine(before)
    callsSoFar = 0
  }
  let line: Promise<unknown> = Promise.resolve()
  // A call that begins while another is pending would close the other's result: calls stand in line.
  const inLine = <T>(sql: string, work: (connection: DuckDBConnection) => Promise<T>): Promise<T> => {
    const done = line.then(() => guarded(sql, () => renew().then(() => work(engine.connection))))
    line = done.catch(() => undefined)
    return done
  }
  const called = <T>(sql: string, work: (connection: DuckDBConnection) => Promise<T>): Promise<T> => {
    callsSoFar++
    return guarded(sql, () => work(engine.connection))
  }
  const calls: EngineCalls = {
    query: (sql, parameters = []) => called(sql, (connection) => readRows(connection, { sql, parameters })),
    appendColumns: (table, columns) => called(`append to ${table}`, (connection) => append(connection, { table, columns })),
  }
  return {
    together(work) {
      const done = line.then(() => guarded('open anew', renew)).then(() => work(calls))
      line = done.catch(() => undefined)
      return done
    },
    query: (sql, parameters = []) => inLine(sql, (connection) => readRows(connection, { sql, parameters })),
    stream: (sql) => readChunks(engine.connection, sql),
    appendColumns: (table, columns) => inLine(`append to ${table}`, (connection) => append(connection, { table, columns })),
    close() {
      closeEngine(engine)
    },
  }
}

interface Engine {
  readonly instance: DuckDBInstance
  readonly connection: DuckDBConnection
}

async function openEngine(options: DuckDbOptions): Promise<Engine> {
  const instance = await guarded('open', () =>
    DuckDBInstance.create(':memory:', {
      memory_limit: `${options.memoryLimitMb}MB`,
      threads: String(options.threads),
      temp_directory: options.tempDir,
      // Sets are compared, not sequences: keeping file order would cost memory.
      preserve_insertion_order: 'false',
      // Files are read once and removed: what the engine kept of them would fill its memory limit.
      enable_external_file_cache: 'false',
      // The engine's allocator keeps what is freed, beyond the limit, unless it is told to give it back.
      allocator_background_threads: 'true',
      allocator_flush_threshold: '4MB',
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
    }),
  )
  const connection = await guarded('connect', () => instance.connect())
  // Moments and days must not depend on where the host stands.
  await guarded('set the time zone', () => connection.run("SET TimeZone = 'UTC'"))
  return { instance, connection }
}

function closeEngine({ connection, instance }: Engine): void {
  connection.closeSync()
  instance.closeSync()
}

/** Somebody is between appending and dropping. */
async function holdsTables(connection: DuckDBConnection): Promise<boolean> {
  const [counted] = await readRows(connection, { sql: 'SELECT count(*) AS n FROM duckdb_tables()', parameters: [] })
  return Number(counted?.['n']) > 0
}

export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

/** A `FROM` item over local Parquet files. Columns one file lacks are null in its rows. */
export function parquetFiles(paths: readonly string[]): string {
  return `read_parquet([${paths.map(quoteText).join(', ')}], hive_partitioning = false, union_by_name = ${paths.length > 1})`
}

async function guarded<T>(sql: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    throw failed(sql, cause)
  }
}

function failed(sql: string, cause: unknown): AssayError {
  if (cause instanceof AssayError) return cause
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new AssayError('ENGINE_FAILED', `DuckDB: ${sql.trim().split('\n', 1)[0] ?? ''}: ${reason}`, { cause })
}

async function readRows(
  connection: DuckDBConnection,
  { sql, parameters }: { sql: string; parameters: readonly SqlValue[] },
): Promise<SqlRow[]> {
  const reader = await connection.runAndReadAll(sql, [...parameters])
  const names = reader.deduplicatedColumnNames()
  return reader.getRows().map((row) => Object.fromEntries(row.map((value, i) => [names[i] as string, toSqlValue(value)])))
}

async function* readChunks(connection: DuckDBConnection, sql: string): AsyncGenerator<ColumnChunk> {
  const result = await guarded(sql, () => connection.stream(sql))
  for (;;) {
    const chunk = await guarded(sql, () => result.fetchChunk())
    if (chunk === null || chunk.rowCount === 0) return
    yield { rowCount: chunk.rowCount, columns: chunk.getColumns().map((column) => column.map(toSqlValue)) }
  }
}

function toSqlValue(value: DuckDBValue): SqlValue {
  if (value === null || typeof value !== 'object') return value
  return value.toString()
}

async function append(connection: DuckDBConnection, { table, columns }: { table: string; columns: readonly Column[] }): Promise<void> {
  const rowCount = columns[0]?.values.length ?? 0
  const ragged = columns.find(({ values }) => values.length !== rowCount)
  if (ragged !== undefined) throw new Error(`column ${ragged.name}: expected ${rowCount} values, got ${ragged.values.length}`)
  const types = columns.map(engineType)
  const definitions = columns.map(({ name }, i) => `${quoteIdentifier(name)} ${(types[i] as DuckDBType).toString()}`)
  await connection.run(`CREATE OR REPLACE TEMP TABLE ${quoteIdentifier(table)} (${definitions.join(', ')})`)
  const appender = await connection.createAppender(table, 'main', 'temp')
  for (let first = 0; first < rowCount; first += CHUNK_ROWS) {
    const last = Math.min(first + CHUNK_ROWS, rowCount)
    const chunk = DuckDBDataChunk.create(types, last - first)
    columns.forEach((column, i) => {
      chunk.setColumnValues(i, engineValues(column, { first, last }))
    })
    appender.appendDataChunk(chunk)
  }
  appender.closeSync()
}

function engineType(column: Column): DuckDBType {
  switch (column.type) {
    case 'varchar':
      return VARCHAR
    case 'bigint':
      return BIGINT
    case 'integer':
      return INTEGER
    case 'double':
      return DOUBLE
    case 'boolean':
      return BOOLEAN
    case 'blob':
      return BLOB
    case 'decimal':
      return DECIMAL(column.precision, column.scale)
    case 'map':
      return MAP(VARCHAR, VARCHAR)
  }
}

function engineValues(column: Column, { first, last }: { first: number; last: number }): DuckDBValue[] {
  switch (column.type) {
    case 'decimal': {
      const { precision, scale } = column
      return column.values.slice(first, last).map((value) => (value === null ? null : new DuckDBDecimalValue(value, precision, scale)))
    }
    case 'map':
      return column.values.slice(first, last).map((value) => (value === null ? null : mapValue(value)))
    case 'blob':
      return column.values.slice(first, last).map((value) => (value === null ? null : new DuckDBBlobValue(value)))
    case 'double':
      return Array.from(column.values.slice(first, last))
    default:
      return column.values.slice(first, last)
  }
}

function mapValue(entries: Readonly<Record<string, string>>): DuckDBMapValue {
  return new DuckDBMapValue(Object.entries(entries).map(([key, value]) => ({ key, value })))
}

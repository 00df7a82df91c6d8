import { eventTimeOf } from '../../shared/core/canary.ts'
import { AssayError } from '../../shared/core/errors.ts'
import { canaryColumns, expectedFields } from '../../shared/engines/canary-columns.ts'
import { quoteIdentifier, type Column, type DuckDb, type EngineCalls } from '../../shared/engines/duckdb.ts'
import type { RunCanaries } from '../../shared/engines/expected-rows.ts'
import type { ApiHop, TableHop } from '../../topology/topology.ts'
import type { Question } from './events.ts'
import type { ExpectedAnswer } from './probes/compare.ts'
import { spanOf } from './verdicts.ts'

/** Where to ask, and what must be answered. */
export interface Expected {
  readonly url: string
  readonly answers: readonly ExpectedAnswer[]
}

export interface Asked {
  readonly canaries: RunCanaries
  /** With the address, which the run's own hops lack. */
  readonly api: ApiHop
  readonly table: TableHop
  readonly question: Question
}

/**
 * Computes in the engine what the API must answer, from what was produced as the table must hold it. Throws
 * ENGINE_FAILED or INPUT_INVALID where the topology's expressions do not fit the records.
 */
export function expectedAnswers(db: DuckDb, asked: Asked): Promise<Expected> {
  return db.together((calls) => computed(calls, asked))
}

async function computed(db: EngineCalls, asked: Asked): Promise<Expected> {
  const { canaries, api, table, question } = asked
  const { stream, first, last } = spanOf(question)
  const records = Array.from({ length: last - first + 1 }, (_, i) => canaries.at(stream, first + i))
  const isWindow = api.per === 'window'
  const fields = expectedFields(canaries.fields, table.expect)
  const named = [...api.url.matchAll(/\{(\w+)\}/g)].map((match) => match[1] as string).filter((name) => !isWindow || !(name in borders))
  const unknown = named.find((name) => !fields.some(({ field }) => field === name))
  if (unknown !== undefined)
    throw new AssayError('INPUT_INVALID', `url of api ${api.name}: {${unknown}} is no field of the record at the table`)
  const columns = [
    ...api.answers.flatMap(({ sql }, i) => [`CAST((${sql}) AS VARCHAR) AS a${i}`, `typeof(${sql}) AS t${i}`]),
    ...named.map((name, i) => `${isWindow ? 'min' : ''}(CAST(${quoteIdentifier(name)} AS VARCHAR)) AS u${i}`),
  ]
  await db.appendColumns(PRODUCED, canaryColumns(canaries.fields, records).map(widened))
  try {
    const row = fields.map(({ field, type, sql }) => `CAST((${sql}) AS ${type}) AS ${quoteIdentifier(field)}`)
    const [found] = await db.query(`SELECT ${columns.join(', ')} FROM (SELECT ${row.join(', ')} FROM ${PRODUCED})`)
    const text = (name: string) => (found?.[name] == null ? null : String(found[name]))
    const values = new Map(named.map((name, i) => [name, text(`u${i}`) ?? '']))
    if (isWindow) for (const [name, at] of Object.entries(borders)) values.set(name, at(asked, { stream, first, last }))
    return {
      url: api.url.replace(/\{(\w+)\}/g, (_whole, name: string) => encodeURIComponent(values.get(name) ?? '')),
      answers: api.answers.map(({ json, tolerance }, i) => ({
        json,
        tolerance,
        text: text(`a${i}`),
        isNumber: numeric.test(text(`t${i}`) ?? ''),
      })),
    }
  } finally {
    await db.query(`DROP TABLE ${PRODUCED}`)
  }
}

/** Always the same, as it stands in messages of the engine: what is wrong with every question is said once. */
const PRODUCED = 'asked_records'

const numeric = /^(DECIMAL|U?(TINY|SMALL|BIG|HUGE)?INT|DOUBLE|FLOAT)/

/** Event times of a window: from its first canary's to that of the one behind its last. */
const borders: Readonly<Record<string, (asked: Asked, span: ReturnType<typeof spanOf>) => string>> = {
  from: (asked, { stream, first }) => eventTime(asked, stream, first),
  to: (asked, { stream, last }) => eventTime(asked, stream, last + 1),
}

function eventTime({ canaries: { runId, resolved, fields } }: Asked, stream: number, seq: number): string {
  return String(eventTimeOf({ runId, seed: resolved.seed, load: resolved.plan.load, record: resolved.record, fields }, stream, seq))
}

const DECIMAL_DIGITS_MAX = 38

/** The engine keeps the product of two decimals of up to 18 digits at 18 digits, and fails where that overflows. */
const widened = (column: Column): Column => (column.type === 'decimal' ? { ...column, precision: DECIMAL_DIGITS_MAX } : column)

import { afterEach, expect, test } from 'vitest'
import { contract as contractSchema, rules as rulesSchema } from '../../topology/rules.ts'
import { FollowedTable, others, seqs, type Row } from './followed-table.fixture.ts'

const opened: FollowedTable[] = []
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close()
})

const all = [...seqs(0, 19), ...seqs(0, 19, 1)]
const positive = { name: 'price is positive', each: 'price > 0' }

interface Declared {
  /** Columns of the table that are of another type, or that it has besides. */
  readonly types: Readonly<Record<string, string>>
  readonly rules?: readonly object[]
  readonly contract?: object
}

/** A table with such columns, followed over an append of these rows. */
async function followed({ types, rules = [], contract }: Declared, rows: readonly Row[]): Promise<FollowedTable> {
  const one = await FollowedTable.open('main', { rules: rulesSchema.parse(rules), contract: contractSchema.parse(contract ?? null) })
  opened.push(one)
  const [{ fields }] = one.table.schemas as [{ fields: { id: number; name: string; type: string }[] }]
  const known = fields.map((field) => ({ ...field, type: types[field.name] ?? field.type }))
  const more = Object.entries(types).filter(([name]) => fields.every((field) => field.name !== name))
  one.table.schemas = [{ fields: [...known, ...more.map(([name, type], i) => ({ id: 100 + i, name, type }))] }]
  one.begin()
  one.table.commit({ operation: 'append', added: [await one.data(rows)], atMs: one.played.nowMs })
  await one.poll()
  return one
}

const loses7 = all.filter(({ stream, seq }) => stream !== 0 || seq !== 7)

test('only the rules that name a column of a type that is not read are unchecked, and say so; a loss is found all the same', async () => {
  const shaped = { name: 'shaped', each: 'shape IS NOT NULL' }
  const selected = { name: 'selected', sql: 'SELECT * FROM rows WHERE shape IS NULL' }
  const one = await followed({ types: { shape: 'geometry' }, rules: [shaped, positive, selected] }, loses7)
  expect(one.accusations).toEqual(['lost 0/7-7'])
  await one.finish()
  expect(one.rule(positive.name)).toEqual({ rows: 39, broken: 0, exempt: 0, unchecked: null })
  for (const name of ['shaped', 'selected']) expect(one.rule(name)).toMatchObject({ unchecked: 'column shape: type geometry is not read' })
  expect(one.ruleDoubts).toHaveLength(2)
})

test('a contract is held against the type of such a column, not against its values', async () => {
  const contract = { columns: { payload: { type: 'variant', notNull: true }, price: { notNull: true } } }
  const one = await followed({ types: { payload: 'variant' }, contract }, all)
  await one.finish()
  expect(one.accusations).toEqual([])
  expect(one.rule('contract: payload')).toMatchObject({ broken: 0, unchecked: null })
  expect(one.rule('contract: payload not null')).toMatchObject({ unchecked: 'column payload: type variant is not read' })
  expect(one.rule('contract: price not null')).toMatchObject({ rows: 40, broken: 0, unchecked: null })
})

test('what canaries hold of such a column is not compared, which is said once; other columns are', async () => {
  const rows = all.map((row) => (row.stream === 1 && row.seq === 3 ? { ...row, symbol: 'other', note: 'other' } : row))
  const one = await followed({ types: { note: 'variant' } }, rows)
  one.table.commit({ operation: 'append', added: [await one.data(others(48, 1))], atMs: one.played.nowMs })
  await one.poll()
  expect(one.accusations.filter((said) => said.startsWith('corrupted'))).toEqual(['corrupted 1/3-3'])
  expect(one.missing).toEqual(['column note: type variant is not read: what canaries hold of it is not compared'])
})

test('without the column that tells rows apart nothing can be read', async () => {
  await expect(followed({ types: { trade_id: 'variant' } }, all)).rejects.toMatchObject({ code: 'FORMAT_UNSUPPORTED' })
})

import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parseNameMapping } from '../iceberg/name-mapping.ts'
import type { SchemaField } from '../iceberg/metadata.ts'
import { readableColumns } from './column-projection.ts'
import { quoteText } from './duckdb.ts'
import { measureColumns } from './parquet-columns.ts'
import { useScratchEngine } from './scratch-engine.fixture.ts'
import { tableRowsSql, type LocalFile } from './table-rows.ts'

const scratch = useScratchEngine()

let files = 0

/** What `select` gives as a data file; without `ids` as writers leave it that know nothing of Iceberg. */
async function written(select: string, ids = ''): Promise<LocalFile> {
  const path = join(scratch.folder, `rows-${++files}.parquet`)
  await scratch.db.query(`COPY (${select}) TO ${quoteText(path)} (FORMAT parquet${ids === '' ? '' : `, FIELD_IDS ${ids}`})`)
  const file = { content: 'data', format: 'parquet', path: `s3://w/${files}.parquet`, equalityIds: [], partition: '{}' }
  return { file: file as never, path, dataSequenceNumber: 1 }
}

const optional = (id: number, name: string, type: unknown): SchemaField => ({ id, name, required: false, type })

describe('files without field ids', () => {
  const part = (id: number, name: string) => ({ type: 'struct', fields: [optional(id, name, 'int')] })
  const fields = [
    optional(1, 'id', 'long'),
    optional(2, 'title', 'string'),
    optional(3, 'point', part(4, 'abscissa')),
    optional(5, 'points', { type: 'list', 'element-id': 6, element: part(7, 'abscissa') }),
    optional(8, 'byName', { type: 'map', 'key-id': 9, key: 'string', 'value-id': 10, value: part(11, 'abscissa') }),
    optional(12, 'name', 'int'),
  ]
  const of = (id: number, names: string[], within?: object[]) => ({
    'field-id': id,
    names,
    ...(within === undefined ? {} : { fields: within }),
  })
  const nameMapping = JSON.stringify([
    of(1, ['id']),
    of(2, ['name', 'title']),
    of(3, ['point'], [of(4, ['x', 'abscissa'])]),
    of(5, ['points'], [of(6, ['element'], [of(7, ['x', 'abscissa'])])]),
    of(8, ['by_name'], [of(9, ['key']), of(10, ['value'], [of(11, ['x'])])]),
    { names: ['nothing'] },
  ])
  const select = `SELECT 1::BIGINT AS id, 'a' AS "name", {'x': 7} AS point, [{'x': 8}] AS points, MAP {'k': {'x': 9}} AS by_name, 5 AS nothing`
  const read = async (data: LocalFile[], mapping: string | undefined) => {
    const schema = { schemaId: 0, fields, nameMapping: mapping }
    const from = await tableRowsSql(scratch.db, { schema, data, deletes: [] })
    const row = `SELECT id, title, point.abscissa AS p, points[1].abscissa AS q, byName['k'].abscissa AS r, "name" FROM ${from} ORDER BY id`
    return scratch.db.query(row)
  }

  test('have their columns by the name mapping of the table, nested ones too: a renamed column keeps its values', async () => {
    expect(await read([await written(select)], nameMapping)).toEqual([{ id: 1n, title: 'a', p: 7, q: 8, r: 9, name: null }])
  })

  test('have them by the names of now without a mapping', async () => {
    const named = select.replace('"name"', 'title').replace('by_name', '"byName"').replaceAll("'x'", "'abscissa'")
    expect(await read([await written(named)], undefined)).toEqual([{ id: 1n, title: 'a', p: 7, q: 8, r: 9, name: null }])
  })

  test('beside files with ids: a mapping says nothing of these', async () => {
    const ids = await written(`SELECT 2::BIGINT AS id, 'b' AS "name", 3 AS title`, '{id: 1, "name": 2, title: 12}')
    expect(await read([await written(select), ids], nameMapping)).toMatchObject([
      { id: 1n, title: 'a', name: null },
      { id: 2n, title: 'b', name: 3 },
    ])
  })

  test('are measured for their bounds by the mapping', async () => {
    const { path } = await written(select)
    const ids = async (mapping: string | undefined) =>
      (await measureColumns(scratch.db, path, { fields, nameMapping: mapping })).columns.map(({ fieldId, name }) => [fieldId, name])
    expect(await ids(nameMapping)).toEqual([
      [1, 'id'],
      [2, 'name'],
    ])
    // Another column has the name by now.
    expect(await ids(undefined)).toEqual([
      [1, 'id'],
      [12, 'name'],
    ])
  })

  test.each(['', 'null', '{"names": ["a"]}', '[{"field-id": "1", "names": ["a"]}]'])(
    'a mapping that is none is METADATA_BROKEN: %s',
    (text) => {
      expect(() => parseNameMapping(text)).toThrow(expect.objectContaining({ code: 'METADATA_BROKEN' }))
    },
  )
})

describe('columns of types that are not read', () => {
  test('are left out, parts of structs too, and named with the type', () => {
    const fields = [
      optional(1, 'id', 'long'),
      optional(2, 'shape', 'geometry(srid:3857)'),
      optional(3, 'point', { type: 'struct', fields: [optional(4, 'x', 'int'), optional(5, 'more', 'variant')] }),
      optional(6, 'tags', { type: 'list', 'element-id': 7, element: 'variant' }),
      optional(8, 'odd', { type: 'tuple', of: [] }),
      optional(9, 'by', {
        type: 'map',
        'key-id': 10,
        key: { type: 'struct', fields: [optional(11, 'a', 'int'), optional(12, 'b', 'geography')] },
        'value-id': 13,
        value: 'int',
      }),
      optional(14, 'only', { type: 'struct', fields: [optional(15, 'v', 'variant')] }),
      optional(16, 'nothing', 'unknown'),
    ]
    const { fields: kept, unread } = readableColumns(fields)
    expect(kept).toEqual([fields[0], { ...fields[2], type: { type: 'struct', fields: [optional(4, 'x', 'int')] } }, fields[7]])
    expect(Object.fromEntries(unread)).toEqual({
      shape: 'column shape: type geometry(srid:3857) is not read',
      'point.more': 'column point.more: type variant is not read',
      'tags.element': 'column tags.element: type variant is not read',
      tags: 'column tags.element: type variant is not read',
      odd: 'column odd: type {"type":"tuple","of":[]} is not read',
      'by.key.b': 'column by.key.b: type geography is not read',
      by: 'column by.key.b: type geography is not read',
      'only.v': 'column only.v: type variant is not read',
      only: 'column only.v: type variant is not read',
    })
  })
})

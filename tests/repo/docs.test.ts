import { hostname } from 'node:os'
import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { describe, expect, test } from 'vitest'
import { loadAgentConfig } from '../../shared/runtime/config.ts'
import { generatedDocs, metricTables, renderMetrics } from './docs.ts'
import { settingsOf } from './settings-text.ts'
import { rowsOf } from './topology-doc.ts'

// Fails? A table changed: run `npm run docs` and look at what it changes.
test.each(Object.entries(generatedDocs))('%s tells what the tables say', async (file, render) => {
  await expect(await render()).toMatchFileSnapshot(`../../${file}`)
})

describe('metrics', async () => {
  const tables = await metricTables()
  const rows = tables.flatMap((owner) => owner.rows)

  test('are there for every agent', () => {
    expect(rows.length).toBeGreaterThan(15)
    expect(tables.filter((owner) => owner.rows.length === 0)).toEqual([])
  })

  test('have one name each, whichever agent exports them', () => {
    const names = rows.map(({ name }) => name)
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([])
  })

  test.each(rows.map((row) => [row.name, row] as const))('%s is named as Prometheus wants it', (name, { type, unit, help }) => {
    expect(name).toMatch(/^assay(_[a-z0-9]+)+$/)
    expect(name.endsWith('_total')).toBe(type === 'counter')
    // Base units only, and at the end, so that nobody has to guess what a number is.
    expect(name).not.toMatch(/_(ms|millis|milliseconds|kb|mb)(_|$)/)
    if (unit === 'seconds' || unit === 'bytes' || unit === 'ratio') expect(name).toMatch(new RegExp(`_${unit}(_total)?$`))
    expect(help).toMatch(/^[A-Za-z0-9].*\.$/)
  })

  test('are told with their labels', () => {
    const told = renderMetrics([
      { owner: 'x', rows: [{ name: 'assay_x_total', type: 'counter', unit: 'things', help: 'Things.', labels: { of: ['a', 'b'] } }] },
    ])
    expect(told).toContain('| `assay_x_total` | counter | things | `of`: a, b | Things. |')
  })
})

describe('settings', () => {
  const settings = settingsOf(readFileSync(new URL('../../shared/runtime/config.ts', import.meta.url), 'utf8'), 'variables')

  test('are those that the agents read: what is not required may be left out', () => {
    const required = settings.filter(({ defaultText }) => defaultText === 'required').map(({ name }) => name)
    expect(() => loadAgentConfig({})).toThrow(required.join('|'))
    expect(loadAgentConfig(Object.fromEntries(required.map((name) => [name, 'localhost:9092']))).instance).toBe(hostname())
  })

  test('are found with type, default and meaning', () => {
    const source =
      "const variables = z.object({ A: z.string().min(1).max(9).default('x').describe('An a.'), B: url.optional(), C: z.enum(['p', 'q']) })"
    expect(settingsOf(source, 'variables')).toEqual([
      { name: 'A', type: 'text, at most 9 characters', defaultText: '`x`', meaning: 'An a.' },
      { name: 'B', type: 'URL', defaultText: 'none', meaning: '' },
      { name: 'C', type: '`p`, `q`', defaultText: 'required', meaning: '' },
    ])
    expect(() => settingsOf(source, 'others')).toThrow('no const others')
  })
})

test('fields of objects, arrays, maps and unions each have a row', () => {
  const schema = z.strictObject({
    list: z.array(
      z.discriminatedUnion('kind', [
        z.strictObject({ kind: z.literal('a'), name: z.string(), size: z.int().positive() }),
        z.strictObject({ kind: z.literal('b'), name: z.string() }),
      ]),
    ),
    named: z.record(z.string(), z.strictObject({ deep: z.boolean().default(true).describe('How deep.') })),
    maybe: z.string().nullable().default(null),
  })
  expect(rowsOf(z.toJSONSchema(schema, { io: 'input' }), '').map(([field, type, given]) => [field, type, given])).toEqual([
    ['`list`', 'array of object', 'required'],
    ['`list[].name`', 'string', 'required'],
    ['`list[]` with `kind: a`', 'object', ''],
    ['`list[](a).size`', 'integer (> 0)', 'required'],
    ['`list[]` with `kind: b`', 'object', ''],
    ['`named`', 'map of object', 'required'],
    ['`named.<name>.deep`', 'boolean', '`true`'],
    ['`maybe`', 'string or null', '`null`'],
  ])
})

import { z } from 'zod'
import { planSchema } from '../../topology/plan.ts'
import { topologySchema } from '../../topology/topology.ts'
import { page, table } from './markdown-text.ts'

type Schema = z.core.JSONSchema.BaseSchema

/** What may stand in a topology and in a plan, from their schemas: field, type, default, meaning. */
export function renderTopologyDoc(): string {
  return page('Topologies and plans', [
    'Generated from `topology/topology.ts` and `topology/plan.ts` by `npm run docs`. Do not edit.',
    'Both are YAML. What is not in these tables is refused, with file, line and path. A field with a default may be left out.',
    '## Topology',
    'The pipeline under test. `${NAME}` in a value is taken from the environment; a name that is not set is an error.',
    rowsTable(topologySchema),
    '## Plan',
    "What one run does. `{{name}}` in a value (in quotes) is one of the plan's own parameters. In JSON, a plan may travel whole in a request.",
    rowsTable(planSchema),
  ])
}

const rowsTable = (schema: z.ZodType) => table(['Field', 'Type', 'Default', 'Meaning'], rowsOf(z.toJSONSchema(schema, { io: 'input' }), ''))

/** One row a field; those of objects follow theirs. The forms of a union each have theirs, named by what tells them apart. */
export function rowsOf(schema: Schema, prefix: string): string[][] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
    if (typeof property === 'boolean') return []
    const path = `${prefix}${name}`
    const given =
      property.default === undefined
        ? schema.required?.includes(name) === true
          ? 'required'
          : 'none'
        : `\`${JSON.stringify(property.default)}\``
    return [[`\`${path}\``, typeText(property), given, property.description ?? ''], ...innerRows(property, path)]
  })
}

function innerRows(field: Schema, path: string): string[][] {
  const schema = withoutNull(field)
  const items = asSchema(schema.items)
  if (items !== null) return innerRows(items, `${path}[]`)
  const values = asSchema(schema.additionalProperties)
  if (values !== null && schema.type === 'object') return innerRows(values, `${path}.<name>`)
  if (schema.oneOf !== undefined) return unionRows(schema.oneOf, path)
  return rowsOf(schema, `${path}.`)
}

/** Fields that all forms have alike stand once. */
function unionRows(forms: readonly Schema[], path: string): string[][] {
  const fieldsOf = (form: Schema) => Object.entries(form.properties ?? {}).map(([name, field]) => `${name} ${JSON.stringify(field)}`)
  const [first = {}, ...others] = forms
  const isShared = (name: string) => {
    const written = fieldsOf(first).find((field) => field.startsWith(`${name} `))
    return others.length > 0 && written !== undefined && others.every((form) => fieldsOf(form).includes(written))
  }
  const without = (form: Schema, left: (name: string) => boolean): Schema => ({
    ...form,
    properties: Object.fromEntries(Object.entries(form.properties ?? {}).filter(([name]) => left(name))),
  })
  return [
    ...rowsOf(without(first, isShared), `${path}.`),
    ...forms.flatMap((form) =>
      formRows(
        without(form, (name) => !isShared(name)),
        path,
      ),
    ),
  ]
}

function formRows(form: Schema, path: string): string[][] {
  const fields = Object.entries(form.properties ?? {})
  const [tag = '', constant = ''] = fields.flatMap(([name, field]) =>
    typeof field === 'object' && field.const !== undefined ? [name, String(field.const)] : [],
  )
  const rows = rowsOf(form, `${path}(${constant}).`)
  const about: string[] = [`\`${path}\` with \`${tag}: ${constant}\``, 'object', '', form.description ?? '']
  return [about, ...rows.filter(([field]) => field !== `\`${path}(${constant}).${tag}\``)]
}

export function typeText(field: Schema): string {
  const schema = withoutNull(field)
  return schema === field ? plainText(schema) : `${plainText(schema)} or null`
}

function plainText(schema: Schema): string {
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const)}\``
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${String(value)}\``).join(', ')
  if (schema.prefixItems !== undefined) return `[${schema.prefixItems.map((item) => plainText(item as Schema)).join(', ')}]`
  const forms = schema.anyOf ?? schema.oneOf
  if (forms !== undefined) return [...new Set(forms.map((form) => plainText(form)))].join(' or ')
  const items = asSchema(schema.items)
  if (items !== null) return `array of ${typeText(items)}`
  const values = asSchema(schema.additionalProperties)
  if (values !== null) return `map of ${typeText(values)}`
  return `${[schema.type].flat().join(' or ')}${boundsText(schema)}`
}

/** The bounds that were meant; those of safe integers are everybody's. */
function boundsText({ minimum, exclusiveMinimum, maximum, pattern, format }: Schema): string {
  const bounds = [
    minimum !== undefined && minimum > Number.MIN_SAFE_INTEGER ? `≥ ${minimum}` : '',
    exclusiveMinimum !== undefined ? `> ${exclusiveMinimum}` : '',
    maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER ? `≤ ${maximum}` : '',
    pattern === undefined ? '' : `\`${pattern}\``,
    format === 'uri' ? 'URL' : '',
  ].filter((text) => text !== '')
  return bounds.length === 0 ? '' : ` (${bounds.join(', ')})`
}

function withoutNull(field: Schema): Schema {
  const others = (field.anyOf ?? []).filter((form) => form.type !== 'null')
  return field.anyOf !== undefined && others.length === 1 && others.length < field.anyOf.length ? (others[0] as Schema) : field
}

const asSchema = (value: unknown): Schema | null =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length > 0 ? (value as Schema) : null

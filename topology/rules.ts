import { z } from 'zod'

/** What the owners of a pipeline declare of its hops: rules of their business as SQL, and contracts of what readers may rely on. */

const fieldName = z.string().min(1)
const decimalText = z.string().regex(/^-?\d+(\.\d+)?$/, 'a decimal number as text, such as "0.01"')
const sqlText = z.string().trim().min(1)

export const ruleSeverities = ['failure', 'warning'] as const
export type RuleSeverity = (typeof ruleSeverities)[number]

export const rule = z
  .strictObject({
    name: z.string().min(1).max(80),
    description: z.string().default(''),
    each: sqlText
      .optional()
      .describe(
        'What must hold of every row: a boolean SQL expression over its columns, asked of the rows that a snapshot adds. Null holds.',
      ),
    sql: sqlText
      .optional()
      .describe('A SELECT of the offending rows FROM `rows`, the rows of the run, asked once at its end, at one snapshot. `each` or this.'),
    rows: z
      .enum(['canaries', 'all'])
      .default('canaries')
      .describe('With `each`: whether the rows of others are held to it as well. The rows of a SELECT are canaries.'),
    severity: z.enum(ruleSeverities).default('failure').describe('A warning is counted and shown, and fails no run.'),
  })
  .superRefine((value, context) => {
    if ((value.each === undefined) === (value.sql === undefined))
      context.addIssue({ code: 'custom', message: 'expected either `each` or `sql`' })
    if (value.sql !== undefined && value.rows === 'all')
      context.addIssue({ code: 'custom', path: ['rows'], message: 'a SELECT is over the rows of the run: expected canaries' })
  })
export type Rule = z.infer<typeof rule>

export const rules = z
  .array(rule)
  .default([])
  .superRefine((all, context) => {
    for (const [index, { name }] of all.entries())
      if (all.findIndex((one) => one.name === name) < index)
        context.addIssue({ code: 'custom', path: [index, 'name'], message: `a second rule of the name ${name}` })
  })

const column = z.strictObject({
  type: z
    .string()
    .min(1)
    .optional()
    .describe('As the hop itself calls it: of Avro for a topic (`string`, `decimal(18, 6)`, `timestamp-micros`), of Iceberg for a table.'),
  notNull: z.boolean().default(false),
  range: z.tuple([decimalText, decimalText]).optional().describe('Least and greatest value of a number.'),
  oneOf: z.array(z.string()).min(1).optional(),
})

export const contract = z
  .strictObject({
    columns: z.record(fieldName, column).default({}).describe('Each must be there; what is said of it must hold.'),
    unique: z
      .array(z.array(fieldName).min(1))
      .default([])
      .describe('Sets of fields whose values no two records have alike, nulls aside. In a topic: among the newest 50,000 of a partition.'),
    freshness: z
      .strictObject({ withinMs: z.int().positive() })
      .nullable()
      .default(null)
      .describe('The newest of what is appended together must not be older than this when it is committed.'),
  })
  .nullable()
  .default(null)
  .describe('What readers of the hop may rely on. Held against canaries.')
export type Contract = NonNullable<z.infer<typeof contract>>

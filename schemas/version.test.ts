import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { jsonSchemaOf } from './avro-schema.ts'
import { controlMessages } from './control.ts'
import { resultMessages } from './results.ts'
import { SCHEMA_VERSION } from './version.ts'

// Fails? A message changed shape: raise SCHEMA_VERSION and add its history line (not needed while version 1 is
// unpublished), then write the new pair with `npx vitest run -u schemas/version`.
test('a change of shape raises SCHEMA_VERSION', () => {
  const shapes = [...controlMessages, ...resultMessages].map((message) => withoutDescriptions(jsonSchemaOf(message)))
  const hash = createHash('sha256').update(JSON.stringify(shapes)).digest('hex').slice(0, 12)
  expect(`version ${SCHEMA_VERSION}: ${hash}`).toMatchInlineSnapshot(`"version 1: be0352896e22"`)
})

test('words may change without a new version, shapes may not', () => {
  const [first] = controlMessages
  const reworded = first.describe('Other words.')
  const reshaped = first.extend({ priority: first.shape.requestedBy })
  expect(withoutDescriptions(jsonSchemaOf(reworded))).toEqual(withoutDescriptions(jsonSchemaOf(first)))
  expect(withoutDescriptions(jsonSchemaOf(reshaped))).not.toEqual(withoutDescriptions(jsonSchemaOf(first)))
})

/** A description is a text; a field that happens to be called `description` is a schema, and stays. */
function withoutDescriptions(schema: unknown): unknown {
  return JSON.parse(
    JSON.stringify(schema, (key, value: unknown) => (key === 'description' && typeof value === 'string' ? undefined : value)),
  )
}

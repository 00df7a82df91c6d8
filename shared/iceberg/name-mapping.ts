import { z } from 'zod'
import { AssayError } from '../core/errors.ts'

/** Which columns of files without field ids belong to a field: the table property of this name holds it as JSON. */
export const NAME_MAPPING_PROPERTY = 'schema.name-mapping.default'

/** `fields` are the parts of a struct; of a list the one called `element`, of a map `key` and `value`. */
export interface MappedField {
  readonly fieldId: number | null
  readonly names: readonly string[]
  readonly fields: NameMapping
}

export type NameMapping = readonly MappedField[]

const mappedField: z.ZodType<MappedField> = z
  .object({
    'field-id': z.int().nullish(),
    names: z.array(z.string()).default([]),
    fields: z.lazy(() => z.array(mappedField)).nullish(),
  })
  .transform((raw) => ({ fieldId: raw['field-id'] ?? null, names: raw.names, fields: raw.fields ?? [] }))

/** Throws METADATA_BROKEN. */
export function parseNameMapping(text: string): NameMapping {
  let raw: unknown
  try {
    raw = JSON.parse(text)
  } catch (cause) {
    throw new AssayError('METADATA_BROKEN', `table property ${NAME_MAPPING_PROPERTY}: expected JSON, got ${text}`, { cause })
  }
  const parsed = z.array(mappedField).safeParse(raw)
  if (parsed.success) return parsed.data
  throw new AssayError('METADATA_BROKEN', `table property ${NAME_MAPPING_PROPERTY}: ${z.prettifyError(parsed.error)}`, {
    cause: parsed.error,
  })
}

import { asyncApiDocument } from './asyncapi.ts'
import { controlAvroSchema, resultsAvroSchema } from './avro.ts'
import { jsonSchemaOf, kindOf, schemaObject, withoutNull, type AvroRecord, type JsonSchema, type MessageSchema } from './avro-schema.ts'
import { controlMessages } from './control.ts'
import { resultMessages } from './results.ts'
import { agentNames, controlSenders, resultSenders } from './senders.ts'
import { SCHEMA_VERSION } from './version.ts'
import { yamlText } from './yaml-text.ts'

/** Everything that is generated from the schemas, by file name. `npm run docs` writes it. */
export const generatedDocs: Readonly<Record<string, () => string>> = {
  'MESSAGES.md': renderMessages,
  'asyncapi.yaml': () => `# Generated from schemas/ by \`npm run docs\`. Do not edit.\n${yamlText(asyncApiDocument())}`,
  'avro/results.avsc': () => renderAvro(resultsAvroSchema),
  'avro/control.avsc': () => renderAvro(controlAvroSchema),
}

const renderAvro = (schema: readonly AvroRecord[]) => `${JSON.stringify(schema, null, 2)}\n`

export function renderMessages(): string {
  const sections = [
    `# Messages (version ${SCHEMA_VERSION})`,
    'Generated from `schemas/` by `npm run docs`. Do not edit.',
    '## Topic: assay.control',
    'JSON text, or Avro (`avro/control.avsc`) in a Confluent frame. Fields with a default may be left out in JSON.',
    ...controlMessages.map((message) => renderMessage(message, ['Anybody', ...controlSenders[message.shape.kind.value]].join(', '))),
    '## Topic: assay.results',
    'Avro (`avro/results.avsc`) in a Confluent frame, keyed by run id. `kind` is the name of the record.',
    ...resultMessages.map((message) => renderMessage(message, sendersOf(resultSenders[message.shape.kind.value]))),
  ]
  return `${sections.join('\n\n')}\n`
}

const sendersOf = (senders: readonly string[]) => (senders.length === agentNames.length ? 'Every agent' : `The ${senders.join(', ')}`)

function renderMessage(message: MessageSchema, senders: string): string {
  const schema = jsonSchemaOf(message)
  const rows = fieldsOf(schema, '')
  const head = [
    `### \`${kindOf(message)}\``,
    '',
    schema.description ?? '',
    '',
    `Sent by: ${senders}.`,
    '',
    '| Field | Type | Default | Meaning |',
    '| --- | --- | --- | --- |',
  ]
  return [...head, ...rows].join('\n')
}

/** One row for each field; the fields of objects follow theirs, with a dotted path (`[]` for the elements of an array). */
function fieldsOf(schema: JsonSchema, prefix: string): string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
    const field = schemaObject(property, name)
    if (field.const !== undefined) return []
    const path = prefix + name
    const defaultText = field.default === undefined ? '' : `\`${JSON.stringify(field.default)}\``
    const row = `| \`${path}\` | ${typeText(field)} | ${defaultText} | ${cellText(field.description ?? '')} |`
    return [row, ...fieldsOf(...innerObject(field, path))]
  })
}

function innerObject(field: JsonSchema, path: string): [JsonSchema, string] {
  const { schema } = withoutNull(field, '')
  if (schema.type === 'array') {
    const items = schemaObject(schema.items, path)
    return [items, `${path}[].`]
  }
  return [schema, `${path}.`]
}

function typeText(field: JsonSchema): string {
  const { schema, nullable } = withoutNull(field, '')
  return nullable ? `${typeText(schema)} or null` : plainTypeText(schema)
}

function plainTypeText(schema: JsonSchema): string {
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${String(value)}\``).join(', ')
  if (schema.type === 'array') return `array of ${typeText(schemaObject(schema.items, ''))}`
  if (schema.type === 'object' && schema.properties === undefined)
    return `map of ${typeText(schemaObject(schema.additionalProperties, ''))}`
  return String(schema.type)
}

const cellText = (text: string) => text.replaceAll('|', '\\|')

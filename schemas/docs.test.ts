import { parse } from 'yaml'
import { describe, expect, test } from 'vitest'
import { asyncApiDocument } from './asyncapi.ts'
import { controlMessages } from './control.ts'
import { generatedDocs } from './docs.ts'
import { resultMessages } from './results.ts'
import { agentNames, resultSenders } from './senders.ts'

// Fails? A message or its description changed: run `npm run docs` and look at what it changes.
test.each(Object.entries(generatedDocs))('%s tells what the schemas say', async (file, render) => {
  await expect(render()).toMatchFileSnapshot(`./${file}`)
})

describe('asyncapi.yaml', () => {
  const text = generatedDocs['asyncapi.yaml']?.() ?? ''
  const document = parse(text) as ReturnType<typeof asyncApiDocument>

  test('is YAML that reads back as the document', () => {
    expect(document).toEqual(asyncApiDocument())
  })

  test('has what AsyncAPI 3 requires', () => {
    expect(document.asyncapi).toBe('3.0.0')
    expect(document.info.title).toMatch(/./)
    expect(document.info.version).toMatch(/^\d+$/)
    expect(Object.keys(document.channels)).toEqual(['control', 'results'])
    for (const operation of Object.values(document.operations)) {
      expect(['send', 'receive']).toContain(operation.action)
      expect(operation.messages.length).toBeGreaterThan(0)
      // A message of an operation must be one of its channel's.
      for (const { $ref } of operation.messages) expect($ref).toMatch(new RegExp(`^${operation.channel.$ref}/messages/`))
    }
    expect(Object.keys(document.components.messages)).toHaveLength(controlMessages.length + resultMessages.length)
  })

  test('a request is described as JSON may have it: the plan as a text or an object, the rest by default', () => {
    expect(document.components.messages['RunRequested']?.payload).toMatchObject({
      required: ['kind', 'plan'],
      properties: { plan: { anyOf: [{ type: 'string' }, { type: 'object' }] } },
    })
  })

  test('every $ref leads somewhere', () => {
    const refs = refsOf(document)
    expect(refs.length).toBeGreaterThan(50)
    expect(refs.filter((ref) => resolve(document, ref) === undefined)).toEqual([])
  })

  test('a reference that leads nowhere would be seen', () => {
    expect(resolve(document, '#/components/messages/NoSuchMessage')).toBeUndefined()
  })

  test('every kind has a sender, and every agent sends something', () => {
    expect(Object.values(resultSenders).every((senders) => senders.length > 0)).toBe(true)
    for (const agent of agentNames) expect(document.operations).toHaveProperty([`${agent}-sends-results`])
  })
})

function refsOf(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, item]) => (name === '$ref' ? [String(item)] : refsOf(item)))
}

function resolve(document: unknown, ref: string): unknown {
  let at = document
  for (const part of ref.replace(/^#\//, '').split('/')) at = (at as Record<string, unknown> | undefined)?.[part]
  return at
}

import { Document, parse, visit } from 'yaml'

const LINE_WIDTH = 140

/** YAML with an anchor for what stands under a top-level `x-…` and is used again; everything else is written out. */
export function yamlText(model: Readonly<Record<string, unknown>>): string {
  const shared = new Set(Object.entries(model).flatMap(([key, value]) => (key.startsWith('x-') ? [value] : [])))
  const document = new Document(unshared(model, shared), { merge: true })
  const names = new Map<string, string>()
  visit(document, {
    Pair(_, pair) {
      const { key, value } = pair as { key: { value?: unknown } | null; value: { anchor?: string } | null }
      const name = typeof key?.value === 'string' && key.value.startsWith('x-') ? key.value.slice(2) : undefined
      if (name !== undefined && value?.anchor !== undefined) {
        names.set(value.anchor, name)
        value.anchor = name
      }
    },
    Alias(_, alias) {
      alias.source = names.get(alias.source) ?? alias.source
    },
  })
  return document.toString({ lineWidth: LINE_WIDTH, singleQuote: true })
}

/** Copies all but what shall be shared: the library makes an anchor of any object it meets twice. */
function unshared(value: unknown, shared: ReadonlySet<unknown>): unknown {
  if (typeof value !== 'object' || value === null || shared.has(value)) return value
  if (Array.isArray(value)) return value.map((item) => unshared(item, shared))
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, item]) => item !== undefined)
      .map(([key, item]) => [key, unshared(item, shared)]),
  )
}

export const parseYaml = (text: string): unknown => parse(text, { merge: true })

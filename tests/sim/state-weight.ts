/**
 * How much a core keeps: values reached from its state, and the characters of texts, each object once. What hides its
 * inside is asked for its wire form, which is what it holds.
 */
export function weightOf(state: unknown): number {
  const seen = new Set<object>()
  const open: unknown[] = [state]
  let weight = 0
  while (open.length > 0) {
    const value = open.pop()
    weight += typeof value === 'string' ? value.length : 1
    if (typeof value !== 'object' || value === null || seen.has(value)) continue
    seen.add(value)
    for (const part of partsOf(value)) open.push(part)
  }
  return weight
}

function partsOf(value: object): Iterable<unknown> {
  if (value instanceof Map) return [...value].flat() as unknown[]
  if (value instanceof Set || Array.isArray(value)) return value as Iterable<unknown>
  if ('toWire' in value && typeof value.toWire === 'function') return [(value as { toWire(): unknown }).toWire()]
  return Object.values(value) as unknown[]
}

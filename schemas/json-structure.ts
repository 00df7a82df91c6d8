/** What JSON.parse lets pass: depth, and names given twice in one object (it keeps the last without a word). */
export interface JsonStructure {
  readonly depth: number
  readonly doubledNames: readonly string[]
}

/** Walks text that JSON.parse has accepted; on other text the answer means nothing. Iterative, so no depth is too deep. */
export function jsonStructureOf(text: string): JsonStructure {
  const open: (Set<string> | null)[] = []
  const doubledNames: string[] = []
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const char = text[at]
    if (char === '{') open.push(new Set())
    else if (char === '[') open.push(null)
    else if (char === '}' || char === ']') open.pop()
    else if (char === '"') {
      const end = stringEnd(text, at)
      const names = open.at(-1)
      if (names && isName(text, end)) {
        const name = JSON.parse(text.slice(at, end)) as string
        if (names.has(name)) doubledNames.push(name)
        names.add(name)
      }
      at = end - 1
    }
    depth = Math.max(depth, open.length)
  }
  return { depth, doubledNames }
}

/** The index behind the closing quote of the string that opens at `at`. */
function stringEnd(text: string, at: number): number {
  let end = at + 1
  while (end < text.length && text[end] !== '"') end += text[end] === '\\' ? 2 : 1
  return end + 1
}

function isName(text: string, end: number): boolean {
  let at = end
  while (' \t\r\n'.includes(text[at] ?? 'x')) at++
  return text[at] === ':'
}

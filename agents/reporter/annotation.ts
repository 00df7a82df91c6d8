/** A mark on Grafana's graphs: a point, or a window where it has an end. Unix ms. */
export interface Annotation {
  /** What it is about: posted once. */
  readonly key: string
  readonly time: number
  readonly timeEnd?: number
  readonly tags: readonly string[]
  /** HTML, as Grafana shows it. */
  readonly text: string
}

const TEXT_CHARS_MAX = 2_000

/** List items are left out, last first, until the text is short enough. */
export function textOf(head: string, items: readonly string[], foot: string): string {
  for (let kept = items.length; kept > 0; kept--) {
    const text = `${head}<ul>${items.slice(0, kept).join('')}</ul>${foot}`
    if (text.length <= TEXT_CHARS_MAX) return text
  }
  return `${head}<br>${foot}`
}

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }
export const escaped = (text: string) => text.replaceAll(/[&<>"']/g, (character) => entities[character] as string)

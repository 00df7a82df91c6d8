/** Text that is markup already; anything else is escaped when it is put into some. */
export interface Markup {
  readonly markup: string
}

export type Content = Markup | string | number | null | readonly Content[]

export const raw = (markup: string): Markup => ({ markup })

/**
 * HTML, SVG or XML with what stands in `${}` escaped, in text and in quoted attributes. Null is nothing, a list its
 * members one after the other. Nothing can be put into a tag, an unquoted attribute or a script.
 */
export function markup(literals: TemplateStringsArray, ...contents: readonly Content[]): Markup {
  return raw(literals.reduce((text, literal, index) => text + markupOf(contents[index - 1] ?? null) + literal))
}

export function markupOf(content: Content): string {
  if (content === null) return ''
  if (typeof content === 'string') return escapeMarkup(content)
  if (typeof content === 'number') return String(content)
  return 'markup' in content ? content.markup : content.map(markupOf).join('')
}

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

/** What XML 1.0 cannot hold at all becomes the replacement character. */
export const escapeMarkup = (text: string) => printable(text).replace(/[&<>"']/g, (character) => entities[character] ?? '')

/** Bidirectional overrides are made visible too: they would make a place read as another one. */
const unprintable = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\ufffe\uffff]/g

export const printable = (text: string) => text.toWellFormed().replace(unprintable, '\ufffd')

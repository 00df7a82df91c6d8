/** A strict reader of the XML that reports are: elements, attributes, text, the five entities; anything else throws. */
export interface XmlElement {
  readonly name: string
  readonly attributes: Readonly<Record<string, string>>
  readonly children: (XmlElement | string)[]
}

/** What XML 1.0 does not allow. */
const forbidden =
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/
const tagPattern = /<(\/?)([a-zA-Z][\w-]*)((?:\s+[\w-]+="[^"<]*")*)\s*(\/?)>/y

export function parseXml(text: string): XmlElement {
  const declaration = '<?xml version="1.0" encoding="UTF-8"?>\n'
  if (!text.startsWith(declaration)) throw new Error('no XML declaration')
  const bad = forbidden.exec(text)
  if (bad !== null) throw new Error(`a character XML cannot hold at ${bad.index}`)
  const top: XmlElement = { name: '', attributes: {}, children: [] }
  const open = [top]
  let at = declaration.length
  while (at < text.length) {
    const next = text.indexOf('<', at)
    const end = next < 0 ? text.length : next
    if (end > at) open.at(-1)?.children.push(unescaped(text.slice(at, end)))
    if (next < 0) break
    tagPattern.lastIndex = next
    const tag = tagPattern.exec(text)
    if (tag === null) throw new Error(`no tag: ${text.slice(next, next + 60)}`)
    at = tagPattern.lastIndex
    const [, closing, name = '', attributes = '', empty] = tag
    if (closing === '/') {
      if (open.pop()?.name !== name) throw new Error(`</${name}> closes another element`)
      continue
    }
    const element: XmlElement = { name, attributes: attributesOf(attributes), children: [] }
    open.at(-1)?.children.push(element)
    if (empty !== '/') open.push(element)
  }
  const [root, ...others] = top.children.filter((child) => typeof child !== 'string')
  if (open.length !== 1 || root === undefined || others.length > 0) throw new Error('expected one element, closed')
  return root
}

const attributesOf = (text: string) =>
  Object.fromEntries([...text.matchAll(/([\w-]+)="([^"]*)"/g)].map(([, name = '', value = '']) => [name, unescaped(value)]))

function unescaped(text: string): string {
  if (/&(?!(amp|lt|gt|quot|#39);)/.test(text) || text.includes(']]>')) throw new Error(`not escaped: ${text.slice(0, 80)}`)
  const characters: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" }
  return text.replace(/&(amp|lt|gt|quot|#39);/g, (_all, name: string) => characters[name] ?? '')
}

export const childrenOf = ({ children }: XmlElement, name: string): XmlElement[] =>
  children.filter((child): child is XmlElement => typeof child !== 'string' && child.name === name)

export const textOf = ({ children }: XmlElement) => children.filter((child) => typeof child === 'string').join('')

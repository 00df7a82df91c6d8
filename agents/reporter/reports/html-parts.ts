import { markup, type Content, type Markup } from './markup.ts'

export interface Column {
  readonly name: string
  readonly is?: 'num' | 'wide'
}

/** A table that scrolls by itself where the page is narrow, also by keyboard. */
export function tableOf(label: string, columns: readonly Column[], rows: readonly (readonly Content[])[]): Markup {
  const classOf = (index: number) => columns[index]?.is ?? ''
  const head = columns.map(({ name }, index) => markup`<th scope="col" class="${classOf(index)}">${name}</th>`)
  const body = rows.map((row) => markup`<tr>${row.map((content, index) => markup`<td class="${classOf(index)}">${content}</td>`)}</tr>\n`)
  return markup`<div class="scroll" tabindex="0" role="region" aria-label="${label}"><table><thead><tr>${head}</tr></thead>
<tbody>${body}</tbody></table></div>`
}

export const folded = (summary: string, content: Content): Markup => markup`<details><summary>${summary}</summary>${content}</details>\n`

export const listOf = (texts: readonly Content[]): Markup =>
  markup`<ul class="reasons">${texts.map((text) => markup`<li>${text}</li>`)}</ul>\n`

export const factsOf = (facts: readonly (readonly [name: string, content: Content])[]): Markup =>
  markup`<dl class="facts">${facts.map(([name, content]) => markup`<dt>${name}</dt><dd>${content}</dd>`)}</dl>\n`

export const codeOf = (text: string): Markup => markup`<code>${text}</code>`

import { execFileSync } from 'node:child_process'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { markup, markupOf, printable } from './markup.ts'
import { oneLine, shellWord, sqlName, sqlText } from './quoting.ts'

const nasty = [
  ...['$(touch x)', '`id`', "a'b", 'a"b', '; rm -rf /', '-rf', '--', 'a b', '*', '\\', '!x', '~', '#', '', '\u202eevil', 'ünï'],
  ...['<script>alert(1)</script>', '"><img src=x onerror=1>', "' onclick='x", '&amp;', ']]>', '<!--', '\u0000\u001b[31m', '\ud800'],
]
const texts = fc.oneof(fc.constantFrom(...nasty), fc.string({ unit: 'binary' }))

it('gives a shell one word that says what was given', () => {
  const words = [...nasty, ...fc.sample(texts, { numRuns: 300, seed: 7 })]
  const said = execFileSync('/bin/sh', ['-c', `printf '%s\\0' ${words.map(shellWord).join(' ')}`], { encoding: 'utf8' }).split('\0')
  expect(said.slice(0, -1)).toEqual(words.map((word) => printable(word).replace(/\s/g, ' ')))
})

it('ends no SQL text or name early', () => {
  fc.assert(
    fc.property(texts, (text) => {
      expect(sqlText(text)).toMatch(/^'(?:[^']|'')*'$/)
      expect(sqlName(text)).toMatch(/^(?:[a-z_]\w*|"(?:[^"]|"")*")$/i)
    }),
  )
})

it('puts no tag, attribute or entity of a text into markup, and loses nothing of it', () => {
  const unescape = (escaped: string) =>
    escaped.replace(/&(amp|lt|gt|quot|#39);/g, (_all, name: string) => ({ amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" })[name] ?? '')
  fc.assert(
    fc.property(texts, (text) => {
      const [, attribute, inside] = /^<b title="([^"]*)">([^<]*)<\/b>$/.exec(markupOf(markup`<b title="${text}">${text}</b>`)) ?? []
      expect(attribute).toBe(inside)
      expect(unescape(inside ?? '')).toBe(printable(text))
    }),
  )
})

it('keeps terminals and readers from being led astray', () => {
  expect(oneLine('a\r\n\u001b[2Jb\u202ec')).toBe('a \ufffd[2Jb\ufffdc')
})

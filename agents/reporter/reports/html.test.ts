import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { RunFact } from '../../../schemas/results.ts'
import { violationKinds } from '../../../schemas/parts.ts'
import { htmlReport } from './html.ts'
import { jsonReport } from './json.ts'
import { junitReport } from './junit.ts'
import { MARKDOWN_CHARS_MAX, markdownReport } from './markdown.ts'
import { boxesOf } from './pipeline-drawing.ts'
import { cleanFacts, faultStep, missing, sourceOf, violation } from './sample-run.ts'

const TRADES = 'topic:market.trades'
const TABLE = 'table:market.trades'
const lost = violation({ violation: 'lost', hop: TABLE, stream: 1, ranges: [41, 41], partition: 3, offset: 812, snapshotId: '77' })
const pageOf = (facts: readonly RunFact[]) => htmlReport(sourceOf(facts))
const tagsOf = (page: string) =>
  [...page.matchAll(/<([a-zA-Z][\w-]*)((?:\s[^<>]*)?)>/g)].map(([, name = '', rest = '']) => ({ name, rest }))

describe('HTML report', () => {
  it('says verdict, why and where before anything else', () => {
    const page = pageOf([...cleanFacts(), lost])
    const places = [
      'class="badge">fail',
      'id="why"',
      '1 lost at table:market.trades',
      'id="where"',
      '<svg',
      'id="violations"',
      'id="times"',
      'id="unchecked"',
    ]
    const at = places.map((text) => page.indexOf(text))
    expect(at).toEqual([...at].sort((a, b) => a - b))
    expect(at).not.toContain(-1)
  })

  it('says of a run that is under way that more is to come', () => {
    const source = sourceOf([...cleanFacts(), lost])
    expect(htmlReport({ ...source, isEarly: true })).toContain('The run is still under way')
    expect(htmlReport(source)).not.toContain('The run is still under way')
  })

  it('shows where to look: place, both looks, trace and commands', () => {
    const source = sourceOf([...cleanFacts(), lost])
    const page = htmlReport({ ...source, environment: { ...source.environment, jaegerUi: 'http://jaeger:16686/' } })
    expect(page).toContain('Offset 812 of partition 3; in topic market.trades, in no snapshot')
    expect(page).toContain('Second look: a freshly loaded catalog')
    expect(page).toContain(`href="http://jaeger:16686/trace/${lost.traceId}"`)
    expect(page).toContain(
      'kcat -b 127.0.0.1:19092 -C -t market.trades -p 3 -o 812 -c 1\nSELECT * FROM market.trades WHERE trade_id = &#39;',
    )
  })

  it('links no trace by an address that a browser would run', () => {
    const source = sourceOf([...cleanFacts(), lost])
    expect(htmlReport({ ...source, environment: { ...source.environment, jaegerUi: 'javascript:alert(1)//' } })).not.toContain(
      'href="javascript',
    )
  })

  it('loads nothing, runs nothing, and closes what it opens', () => {
    const steps = [faultStep('injected', 1_100), faultStep('bit', 1_200), faultStep('healed', 4_000), faultStep('recovered', 6_000, 2_000)]
    const page = pageOf([...cleanFacts('smoke-chaos'), ...steps, lost, missing('api:trade', 'away')])
    expect(page).toContain(`http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:"`)
    expect(page).not.toMatch(/<(script|iframe|object|embed|form|base|link rel="(?!icon))|\son\w+=|url\(|@import/i)
    const open: string[] = []
    for (const [, closing, name = '', end] of page.matchAll(/<(\/?)([a-zA-Z][\w-]*)(?:\s[^<>]*?)?(\/?)>/g)) {
      if (['meta', 'link'].includes(name) || end === '/') continue
      if (closing === '/') expect(open.pop()).toBe(name)
      else open.push(name)
    }
    expect(open).toEqual([])
  })

  it('lets no text of the pipeline become a tag or an attribute', () => {
    const plain = tagsOf(pageOf([...cleanFacts(), { ...lost, actual: 'x', expected: 'y', file: 'f' }, missing(TABLE, 'z')]))
    const shapeOf = (tags: ReturnType<typeof tagsOf>) =>
      tags.map(({ name, rest }) => `${name}${(rest.match(/[\w-]+=/g) ?? []).length > 0 && name !== 'svg' ? '+' : ''}`)
    const evil = fc.constantFrom(
      '<script>x</script>',
      '"><img src=x onerror=alert(1)>',
      "'><svg onload=x>",
      '</table>',
      '&lt;b&gt;',
      '<!--',
      ']]>',
    )
    fc.assert(
      fc.property(
        fc.oneof(evil, fc.string({ unit: 'binary', minLength: 1 })).filter((text) => text.trim() !== ''),
        (text) => {
          const page = pageOf([...cleanFacts(), { ...lost, actual: text, expected: text, file: text }, missing(TABLE, text)])
          expect(shapeOf(tagsOf(page))).toEqual(shapeOf(plain))
        },
      ),
      { numRuns: 20 },
    )
  })

  it('draws each hop with its count, lateness and what is wrong there', () => {
    const facts = [
      ...cleanFacts(),
      lost,
      violation({ violation: 'late', hop: TABLE, stream: 0, ranges: [1, 2] }),
      missing('api:trade', 'away'),
    ]
    expect(boxesOf(sourceOf(facts)).map(({ kind, state, found, time }) => [kind, state, found, time])).toEqual([
      ['source', 'ok', 'acknowledged', 'p95 4.0 ms'],
      ['topic', 'ok', 'all whole', 'p95 10.0 ms, 0 late'],
      ['topic', 'ok', 'all whole', 'p95 20.0 ms, 0 late'],
      ['table', 'bad', '1 lost', 'p95 1,500 ms, 2 late'],
      ['api', 'doubt', 'evidence is missing', 'p95 12.0 ms'],
      ['api', 'ok', 'all whole', 'p95 12.0 ms'],
    ])
  })
})

/** As agents tell them: 2,000 of a kind at a hop one by one, the rest of each stream in one. */
function floodOf(canaries: number): RunFact[] {
  const facts = cleanFacts()
  const groups = [TRADES, TABLE].flatMap((hop) => violationKinds.slice(0, 10).map((kind) => ({ hop, kind })))
  const each = canaries / groups.length
  const singly = 2_000
  const text = 'what was found there, in many words and with some figures 0123456789 '.repeat(3)
  for (const { hop, kind } of groups) {
    for (let i = 0; i < singly; i++)
      facts.push(
        violation({
          violation: kind,
          hop,
          stream: i % 8,
          ranges: [i, i],
          partition: i % 4,
          offset: i * 13,
          expected: text,
          actual: `${text}${i}`,
        }),
      )
    for (let stream = 0; stream < 8; stream++) {
      const first = singly + stream
      facts.push(
        violation({ violation: kind, hop, stream, ranges: [first, first + (each - singly) / 8 - 1], expected: text, actual: text }),
      )
    }
  }
  return facts
}

it('stays small when a million canaries are wrong', () => {
  const source = sourceOf(floodOf(1_000_000))
  const [html, json, markdown, junit] = [htmlReport, jsonReport, markdownReport, junitReport].map((render) => render(source)) as [
    string,
    string,
    string,
    string,
  ]
  expect(json).toContain('"canaries": 1000000,')
  const MEGABYTES_3 = 3 * 1024 * 1024
  for (const text of [html, json, junit]) expect(Buffer.byteLength(text)).toBeLessThan(MEGABYTES_3)
  expect(markdown.length).toBeLessThan(MARKDOWN_CHARS_MAX)
})

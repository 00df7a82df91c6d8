import { describe, expect, it } from 'vitest'
import { MARKDOWN_CHARS_MAX, markdownReport } from './markdown.ts'
import { reportFormats } from './report-formats.ts'
import { canaryId, cleanFacts, faultStep, missing, SAMPLE_RUN_ID, sourceOf, violation } from './sample-run.ts'

const TRADES = 'topic:market.trades'
const TABLE = 'table:market.trades'
const rowOf = (text: string, hop: string) => text.split('\n').find((row) => row.startsWith(`| ${hop} |`))

describe('Markdown report', () => {
  it('says pass, why and each hop in order for a clean run', () => {
    const text = markdownReport(sourceOf(cleanFacts()))
    expect(text.split('\n')[0]).toBe('# Assay: PASS, plan smoke')
    expect(text).toContain('once, intact, in order, on time')
    expect(rowOf(text, TRADES)).toBe('| topic:market.trades | 1,000 | 1,000 | 0 | 100.0000 % | 20.0 ms | 20.0 ms | 20.0 ms | 20.0 ms |')
    const hops = [...text.matchAll(/^\| (source|topic:\S+|table:\S+|api:\S+) \|/gm)].map((match) => match[1])
    expect(hops).toEqual(['source', 'topic:market.trades.raw', TRADES, TABLE, 'api:trade', 'api:stats'])
    expect(text).not.toContain('## Violations')
    expect(text).toContain(`assay verdict ${SAMPLE_RUN_ID}`)
  })

  it('says of a run that is under way that more is to come', () => {
    const source = sourceOf(cleanFacts())
    expect(markdownReport({ ...source, isEarly: true })).toContain('The run is still under way')
    expect(markdownReport(source)).not.toContain('The run is still under way')
  })

  it('shows verdict, reason and place of a loss before anything else', () => {
    const lost = violation({
      violation: 'lost',
      hop: TRADES,
      stream: 1,
      ranges: [41, 41],
      partition: 3,
      offset: 812,
      actual: 'in no record up to 900',
    })
    const text = markdownReport(sourceOf([...cleanFacts(), lost]))
    expect(text.split('\n')[0]).toBe('# Assay: FAIL, plan smoke')
    expect(text).toContain('- 1 lost at topic:market.trades')
    expect(text).toContain('### 1 canary lost at topic:market.trades')
    expect(text).toContain(
      `\`${canaryId(1, 41)}\` | topic market.trades.raw partition 3 offset 812 | \`once\` | \`in no record up to 900\` | \`${lost.traceId}\``,
    )
    expect(text).toContain('kcat -b 127.0.0.1:19092 -C -t market.trades.raw -p 3 -o 812 -c 1')
    expect(text.indexOf('## Why')).toBeLessThan(text.indexOf('## Where'))
    expect(text.indexOf('## Where')).toBeLessThan(text.indexOf('## Violations'))
  })

  it('locates the first 20 of a kind at a hop and says that there are more', () => {
    const facts = cleanFacts()
    for (let seq = 0; seq < 25; seq++)
      facts.push(violation({ violation: 'duplicated', hop: TRADES, stream: 0, ranges: [seq, seq], partition: 0, offset: seq }))
    const text = markdownReport(sourceOf(facts))
    expect(text.match(/^kcat /gm)).toHaveLength(20)
    expect(text).toContain('The first 20 of 25')
  })

  it('stays within what a comment may hold, whatever went wrong', () => {
    const facts = cleanFacts()
    const kinds = ['lost', 'late', 'duplicated', 'reordered', 'corrupted', 'precision-lost', 'unexpected', 'header-lost'] as const
    for (const kind of kinds) {
      for (const hop of [TRADES, TABLE]) {
        for (let seq = 0; seq < 30; seq++)
          facts.push(violation({ violation: kind, hop, stream: 0, ranges: [seq, seq], expected: 'e'.repeat(300), actual: 'a'.repeat(300) }))
      }
    }
    for (let i = 0; i < 100; i++) facts.push(missing(TABLE, `${'reason '.repeat(100)}${i}`))
    const text = markdownReport(sourceOf(facts))
    expect(text.length).toBeLessThanOrEqual(MARKDOWN_CHARS_MAX)
    for (const kind of kinds) expect(text).toContain(`### 30 canaries ${kind} at ${TABLE}`)
    expect(text).toContain('in the JSON report')
  })

  it('lets no text of the pipeline become markup', () => {
    const evil = violation({ violation: 'corrupted', hop: TRADES, stream: 0, ranges: [1, 1], expected: 'a|b', actual: 'c`d\n## @everyone' })
    const text = markdownReport(sourceOf([...cleanFacts(), evil, missing(TABLE, '<img src=x> | [a](b)\n# head')]))
    expect(text).toContain('`a\\|b`')
    expect(text).toContain('`` c`d ## @everyone ``')
    expect(text).not.toContain('<img')
    expect(text).not.toMatch(/^# head/m)
  })

  it('tells of recoveries and of what was not checked', () => {
    const steps = [faultStep('bit', 1_200), faultStep('healed', 5_000), faultStep('recovered', 7_500, 2_500)]
    const facts = [...cleanFacts('smoke-chaos'), ...steps, missing(TABLE, 'catalog did not answer')]
    const text = markdownReport(sourceOf(facts.filter((fact) => fact.kind !== 'stage-ended' || fact.stage !== 'probe')))
    expect(text).toContain('pause of connect: recovered 2,500 ms after it was healed')
    expect(text).toContain('- table:market.trades: catalog did not answer')
    expect(text).toContain('- stage probe of query-prober did not end')
    expect(text).toContain('21 records that are no canaries of this run')
  })
})

it('writes every format from the same source, each to a file of its own', () => {
  const source = sourceOf(cleanFacts())
  expect(new Set(reportFormats.map(({ fileName }) => fileName)).size).toBe(reportFormats.length)
  for (const { render } of reportFormats) expect(render(source)).toContain(SAMPLE_RUN_ID)
})

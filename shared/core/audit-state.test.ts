import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { recordFindings } from './audit-findings.ts'
import { auditState, comparedWindows } from './audit-state.ts'
import { FOREIGN, playAudit, record, UNREADABLE, type Side } from './audited-sides.fixture.ts'
import { cutWindows, emptyAudit, foldAudit, nextDue, type Audit, type RecordsTold } from './audit.ts'
import { TABLE, told } from './told-run.fixture.ts'

const LAST = 9_999
const whole = [{ partition: 0, offsetFirst: 0, offsetLast: LAST }]
/** Every tenth offset is nobody's. */
const topic: Side = new Map(Array.from({ length: LAST + 1 }, (_, offset) => [offset, offset % 10 === 0 ? [] : [`r${offset}`]] as const))

/** What each damage does to the rows of an offset, and how it must be named. */
const damages = {
  lost: { rows: () => [], fits: (offset: number) => offset % 10 !== 0 },
  duplicated: { rows: (offset: number) => [`r${offset}`, `r${offset}`], fits: (offset: number) => offset % 10 !== 0 },
  corrupted: { rows: () => ['other'], fits: (offset: number) => offset % 10 !== 0 },
  unexpected: { rows: () => ['other'], fits: (offset: number) => offset % 10 === 0 },
} as const
type Damage = keyof typeof damages

describe('narrowing', () => {
  test('names exactly the records that differ, however they do', () => {
    const planted = fc.uniqueArray(
      fc
        .record({ offset: fc.nat(LAST), damage: fc.constantFrom(...(Object.keys(damages) as Damage[])) })
        .filter(({ offset, damage }) => damages[damage].fits(offset)),
      { maxLength: 12, selector: ({ offset }) => offset },
    )
    fc.assert(
      fc.property(planted, (differences) => {
        const table = new Map(topic)
        for (const { offset, damage } of differences) table.set(offset, damages[damage].rows(offset))
        const { state } = playAudit(topic, table, { windows: whole })
        const named = state.findings.map(({ violation, offset }) => `${violation} ${String(offset)}`)
        expect(named.sort()).toEqual(differences.map(({ offset, damage }) => `${damage} ${offset}`).sort())
        expect(state.compared).toBe(9_000)
      }),
      { numRuns: 40 },
    )
  })

  test('tells the same of facts that come twice', () => {
    const table = new Map(topic).set(77, []).set(4_321, ['other'])
    const { state, facts } = playAudit(topic, table, { windows: whole })
    expect(state.findings).toHaveLength(2)
    const audits = new Map<string, Audit>()
    for (const fact of facts) for (let times = 0; times < 2; times++) foldAudit(audits, fact)
    expect(auditState(audits.get(TABLE) as Audit)).toEqual(state)
  })

  test('of windows that were opened anew tells what is there since, whatever the order of the facts', () => {
    const before = new Map(topic).set(77, [])
    const later = new Map(topic).set(4_321, ['r4321', 'r4321'])
    const { state, facts } = playAudit(topic, before, { windows: whole, later })
    expect(state.findings.map(({ violation, offset }) => `${violation} ${String(offset)}`)).toEqual(['duplicated 4321'])
    expect(state).toMatchObject({ windows: 1, compared: 9_000 })
    const audits = new Map<string, Audit>()
    const ofRounds = Map.groupBy(facts, (fact) => ('round' in fact ? fact.round : 0))
    for (const round of [1, 0]) for (const fact of ofRounds.get(round) ?? []) foldAudit(audits, fact)
    expect(auditState(audits.get(TABLE) as Audit)).toEqual(state)
  })

  test('of windows that were compared names those that may be once more', () => {
    const audits = new Map<string, Audit>()
    const { facts } = playAudit(topic, topic, { windows: whole })
    for (const fact of facts) foldAudit(audits, fact)
    const audit = audits.get(TABLE) as Audit
    const reopened = (round: number) => {
      foldAudit(audits, told('audit-reopened', { windows: whole.map((window) => ({ ...window, round })) }))
      return comparedWindows(audit)
    }
    expect(comparedWindows(audit)).toEqual([{ ...whole[0], round: 0, snapshotId: '7' }])
    // Not before it was compared in the new round; and not for ever.
    expect(reopened(2)).toEqual([])
    for (const fact of facts) if ('round' in fact) foldAudit(audits, { ...fact, round: 2 })
    expect(comparedWindows(audit)).toEqual([{ ...whole[0], round: 2, snapshotId: '7' }])
    for (const fact of facts) if ('round' in fact) foldAudit(audits, { ...fact, round: 3 })
    expect(reopened(3)).toEqual([])
  })

  test('of a table without a long stretch of rows names the stretch, not each row', () => {
    const table = new Map([...topic].map(([offset, texts]) => [offset, offset >= 3_000 && offset < 6_000 ? [] : texts]))
    const { state } = playAudit(topic, table, { windows: whole })
    const lost = state.findings.map(({ violation, ranges }) => ({ violation, ranges }))
    expect(lost.every(({ violation }) => violation === 'lost')).toBe(true)
    expect(lost[0]?.ranges[0]).toBe(3_000)
    expect(lost.at(-1)?.ranges[1]).toBe(5_999)
    expect(lost.length).toBeLessThanOrEqual(30)
  })

  test('has an end when everything differs', () => {
    const table = new Map([...topic].map(([offset, texts]) => [offset, texts.map(() => 'other')]))
    const { state, facts } = playAudit(topic, table, { windows: whole })
    expect(state.findings.length).toBeGreaterThan(0)
    expect(facts.length).toBeLessThan(2_000)
    expect(state.findings.every(({ violation }) => violation === 'corrupted')).toBe(true)
  })

  test('finds one changed record among a hundred thousand in three looks and a record', () => {
    const many: Side = new Map(Array.from({ length: 100_000 }, (_, offset) => [offset, [`r${offset}`]] as const))
    const { state, rounds } = playAudit(many, new Map(many).set(54_321, ['other']), {
      windows: [{ partition: 0, offsetFirst: 0, offsetLast: 99_999 }],
    })
    expect(state.findings).toEqual([
      expect.objectContaining({ violation: 'corrupted', field: 'symbol', offset: 54_321, expected: 'r54321', actual: 'other' }),
    ])
    expect(rounds).toBeLessThanOrEqual(8)
  })
})

describe('an audit whose evidence is not whole', () => {
  test('accuses nobody of a window that is gone, and says why', () => {
    const audits = new Map<string, Audit>()
    foldAudit(audits, told('audit-due', {}))
    foldAudit(audits, told('audit-window', { side: 'topic', gone: 'removed by retention' }))
    expect(auditState(audits.get(TABLE) as Audit)).toMatchObject({
      isDone: true,
      findings: [],
      gone: ['partition 0 offsets 0 to 39 were not compared: removed by retention'],
    })
  })
  describe.each([
    ['cannot be read', UNREADABLE],
    ['are canaries of other runs', FOREIGN],
  ])('where records %s', (_, text) => {
    const windows = [0, 3_000, 6_000].map((offsetFirst) => ({ partition: 0, offsetFirst, offsetLast: offsetFirst + 2_999 }))
    const offsets = Array.from({ length: 9_000 }, (__, offset) => offset)
    const isOne = (offset: number) => offset % 7 === 0
    const sideOf = (one: readonly string[]): Side => new Map(offsets.map((offset) => [offset, isOne(offset) ? one : [`r${offset}`]]))

    test('accuses nobody of rows that are missing, too many to be named, and says so', () => {
      const { state } = playAudit(sideOf([text]), sideOf([]), { windows })
      expect(state).toMatchObject({ isDone: true, findings: [] })
      expect(state.gone.length).toBeGreaterThan(300)
      expect(state.compared).toBe(offsets.filter((offset) => text === FOREIGN || !isOne(offset)).length)
    })

    test('finds what differs beside them', () => {
      const { state } = playAudit(new Map(topic).set(77, [text]), new Map(topic).set(77, []).set(78, []), { windows: whole })
      expect(state.findings.map(({ violation, offset }) => `${violation} ${String(offset)}`)).toEqual(['lost 78'])
      expect(state.gone).toHaveLength(1)
    })
  })
  test('finds rows that are more than the records, whoever may have cleaned up', () => {
    const doubled = (offset: number) => [`r${offset}`, `r${offset}`]
    const foreign = new Map([...topic].map(([offset]) => [offset, [offset % 10 === 0 ? FOREIGN : `r${offset}`]]))
    const rows = new Map([...topic].map(([offset]) => [offset, offset % 10 === 0 ? [FOREIGN] : doubled(offset)]))
    const { state } = playAudit(foreign, rows, { windows: whole })
    expect(state.findings.length).toBeGreaterThan(0)
    expect(state.findings.every(({ violation }) => violation === 'duplicated')).toBe(true)
  })
  test('is not done before it is known where the topic ends', () => {
    const audits = new Map<string, Audit>()
    foldAudit(audits, told('audit-due', { windows: [], isLast: false }))
    expect(auditState(audits.get(TABLE) as Audit).isDone).toBe(false)
    expect(auditState(emptyAudit()).isDone).toBe(false)
  })
  test('takes no print of other fields, or cut otherwise, for one of the window', () => {
    const audits = new Map<string, Audit>()
    const print = { count: 0, sum: '0', xor: '0' }
    foldAudit(audits, told('audit-due', {}))
    foldAudit(audits, told('audit-window', { side: 'topic', step: 20, prints: [print, print] }))
    foldAudit(audits, told('audit-window', { side: 'table', step: 40, prints: [print] }))
    foldAudit(audits, told('audit-window', { side: 'table', step: 20, prints: [print, print], fields: [] }))
    expect(auditState(audits.get(TABLE) as Audit).wanted.table).toHaveLength(1)
  })
})

describe('what differs at one offset', () => {
  const place = { partition: 1, offset: 8 }
  const fields = [
    { field: 'symbol', as: 'text' as const },
    { field: 'price', as: 'exact' as const },
  ]
  const side = (...records: RecordsTold['records']): RecordsTold => ({ records, fields, snapshotId: '7', gone: null, atMs: 0 })
  const good = record(8, ['abc', '1.25'])
  test.each([
    ['nothing', side(good), side(good), []],
    ['nothing, in neither', side(), side(), []],
    ['a missing row', side(good), side(), ['lost -2/8']],
    ['a second row', side(good), side(good, good), ['duplicated -2/8']],
    ['a row of no record', side(), side(good), ['unexpected -2/8']],
    ['cut decimals', side(good), side(record(8, ['abc', '1.2'])), ['precision-lost -2/8 price']],
    ['two fields', side(good), side(record(8, ['x', null])), ['corrupted -2/8 symbol', 'corrupted -2/8 price']],
    ['a missing canary', side({ ...good, stream: 3, seq: 4 }), side(), ['lost 3/4']],
  ])('%s', (...[, topicSide, tableSide, expected]) => {
    const { findings, unreadable } = recordFindings(place, { topic: topicSide, table: tableSide })
    expect(
      findings.map(({ violation, stream, ranges, field }) => `${violation} ${stream}/${String(ranges[0])} ${field ?? ''}`.trim()),
    ).toEqual(expected)
    expect(unreadable).toBeNull()
  })
  test.each([
    ['cannot be read', side(record(8, [])), side(good)],
    ['is a canary of another run, and may have been cleaned up', side({ ...good, isForeign: true }), side()],
  ])('is held against nobody where the record %s', (_, topicSide, tableSide) => {
    const { findings, unreadable } = recordFindings(place, { topic: topicSide, table: tableSide })
    expect(findings).toEqual([])
    expect(unreadable).not.toBeNull()
  })
})

describe('windows', () => {
  test('are whole until the end, and go on where the last ended', () => {
    const begun = new Map([[0, 100]])
    const ends = new Map([
      [0, 350],
      [1, 0],
    ])
    expect(cutWindows(begun, ends, { windowOffsets: 100, isLast: false }).map(({ offsetLast }) => offsetLast)).toEqual([199, 299])
    const audits = new Map<string, Audit>()
    foldAudit(audits, told('audit-due', { windows: cutWindows(begun, ends, { windowOffsets: 100, isLast: false }), isLast: false }))
    const next = nextDue(audits.get(TABLE), begun)
    expect(next.get(0)).toBe(300)
    expect(cutWindows(next, ends, { windowOffsets: 100, isLast: true })).toEqual([{ partition: 0, offsetFirst: 300, offsetLast: 349 }])
  })
  test('that overlap with known ones are not compared again', () => {
    const audits = new Map<string, Audit>()
    foldAudit(audits, told('audit-due', {}))
    foldAudit(audits, told('audit-due', { windows: [{ partition: 0, offsetFirst: 20, offsetLast: 60 }] }))
    expect(audits.get(TABLE)?.due.size).toBe(1)
  })
})

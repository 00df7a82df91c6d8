import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AuditCheck, auditLine, canonicalJson, NO_ENTRY, OPENED, type AuditBody, type AuditHead } from './audit-chain.ts'

const text = fc.string({ unit: 'binary', maxLength: 12 })
const bodies = fc.array(
  fc.record({
    kind: fc.constantFrom('requested', 'judged'),
    note: text,
    count: fc.integer(),
    deep: fc.dictionary(text, text, { maxKeys: 3 }),
  }),
  {
    minLength: 2,
    maxLength: 12,
  },
)

function chainOf(of: readonly AuditBody[], from: AuditHead = NO_ENTRY): { lines: string[]; head: AuditHead } {
  let head = from
  const lines = of.map((body) => {
    const made = auditLine(body, head)
    head = made.head
    return made.line
  })
  return { lines, head }
}
const trailOf = (of: readonly AuditBody[]) => chainOf([{ kind: OPENED, before: null }, ...of])

/** Line of the first break, counted from 1, or null. */
function breakIn(lines: readonly string[]): number | null {
  const check = new AuditCheck()
  const at = lines.findIndex((line) => !check.check(line).ok)
  return at < 0 ? null : at + 1
}

describe('a chain of audit entries', () => {
  it('is intact as it was written, and ends with the head that was told', () => {
    fc.assert(
      fc.property(bodies, (of) => {
        const { lines, head } = trailOf(of)
        const check = new AuditCheck()
        expect(lines.map((line) => check.check(line).ok)).toEqual(lines.map(() => true))
        expect(check.head).toEqual(head)
        expect(lines.every((line) => !line.includes('\n'))).toBe(true)
      }),
    )
  })

  it('breaks at the line that was edited, whichever byte of it', () => {
    fc.assert(
      fc.property(bodies, fc.tuple(fc.nat(), fc.nat(), fc.integer({ min: 1, max: 90 })), (of, [line, place, shift]) => {
        const { lines } = trailOf(of)
        const at = line % lines.length
        const original = lines[at] as string
        const i = place % original.length
        const edited = original.slice(0, i) + String.fromCharCode(32 + ((original.charCodeAt(i) + shift) % 95)) + original.slice(i + 1)
        fc.pre(edited !== original)
        expect(breakIn(lines.with(at, edited))).toBe(at + 1)
      }),
    )
  })

  it('breaks behind a line that was edited and hashed anew', () => {
    fc.assert(
      fc.property(bodies, fc.nat(), (of, line) => {
        const { lines } = trailOf(of)
        const at = 1 + (line % (lines.length - 2))
        const before = JSON.parse(lines[at - 1] as string) as { seq: number; hash: string }
        const forged = auditLine({ kind: 'judged', verdict: 'pass' }, { seq: before.seq, hash: before.hash })
        expect(breakIn(lines.with(at, forged.line))).toBe(at + 2)
      }),
    )
  })

  it.each([
    ['a line is taken out', (lines: string[], at: number) => lines.toSpliced(at, 1), (at: number) => at + 1],
    ['a line is doubled', (lines: string[], at: number) => lines.toSpliced(at, 0, lines[at] as string), (at: number) => at + 2],
    [
      'a line is moved',
      (lines: string[], at: number) => lines.with(at, lines[at + 1] as string).with(at + 1, lines[at] as string),
      (at: number) => at + 1,
    ],
    ['a line is put in', (lines: string[], at: number) => lines.toSpliced(at, 0, '{"kind":"judged"}'), (at: number) => at + 1],
    [
      'a line of another trail is put in',
      (lines: string[], at: number) => lines.toSpliced(at, 0, auditLine({ kind: 'x' }, NO_ENTRY).line),
      (at: number) => at + 1,
    ],
    ['the first lines are gone', (lines: string[], at: number) => lines.slice(at), () => 1],
    ['a line is cut', (lines: string[], at: number) => lines.with(at, (lines[at] as string).slice(0, -3)), (at: number) => at + 1],
    [
      'spaces are put in',
      (lines: string[], at: number) => lines.with(at, (lines[at] as string).replace('{', '{ ')),
      (at: number) => at + 1,
    ],
    [
      'a name is doubled',
      (lines: string[], at: number) => lines.with(at, (lines[at] as string).replace('{', '{"kind":"x",')),
      (at: number) => at + 1,
    ],
  ])('breaks where %s', (_what, tamper, breaksAt) => {
    fc.assert(
      fc.property(bodies, fc.nat(), (of, line) => {
        const { lines } = trailOf(of)
        const at = 1 + (line % (lines.length - 2))
        expect(breakIn(tamper(lines, at))).toBe(breaksAt(at))
      }),
    )
  })

  it('cut off at its end is intact by itself: only a head kept elsewhere shows it', () => {
    const { lines, head } = trailOf([{ kind: 'a' }, { kind: 'b' }])
    const check = new AuditCheck()
    for (const line of lines.slice(0, -1)) expect(check.check(line).ok).toBe(true)
    expect(check.head).not.toEqual(head)
  })

  it('wholly written anew has another head', () => {
    expect(trailOf([{ kind: 'judged', verdict: 'fail' }]).head.hash).not.toBe(trailOf([{ kind: 'judged', verdict: 'pass' }]).head.hash)
  })
})

it('writes the same value in one way, whatever the order of its names', () => {
  // From RFC 8785, section 3.2.3, and numbers as in its appendix B.
  expect(canonicalJson({ '\u20ac': 'Euro', '\r': 'CR', '1': 'One', '\ud83d\ude00': 'Smiley', '\ufb33': 'Dalet' })).toBe(
    '{"\\r":"CR","1":"One","\u20ac":"Euro","\ud83d\ude00":"Smiley","\ufb33":"Dalet"}',
  )
  expect(canonicalJson([1e21, 333333333.33333329, -0, 4.5, 2e-3, 1e-27, null, true])).toBe(
    '[1e+21,333333333.3333333,0,4.5,0.002,1e-27,null,true]',
  )
})

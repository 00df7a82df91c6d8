import type { AuditValue } from './audit-chain.ts'

/** What stands where a secret stood. */
export const HIDDEN = '***'

const secretName = /pass(word|phrase|wd)?$|secret|token|api[-_]?key|access[-_]?key|private[-_]?key|credential|authorization|cookie/i
/** Shorter values would hide half the text. */
const SECRET_CHARS_MIN = 6

const inText: readonly (readonly [RegExp, string])[] = [
  [/(\w:\/\/)[^\s/@:]*:[^\s/@]+@/g, `$1${HIDDEN}@`],
  [/\b(bearer|basic)\s+[\w.~+/=-]{6,}/gi, `$1 ${HIDDEN}`],
  [
    /(["']?[\w-]*(?:password|passwd|secret|token|api[-_]?key|access[-_]?key|authorization)[\w-]*["']?\s*[:=]\s*)("[^"]*"|'[^']*'|[^\s,;&}]+)/gi,
    `$1${HIDDEN}`,
  ],
]

export type Redactor = <Value extends AuditValue>(value: Value) => Value

/** Takes secrets out: the values of settings that are named like one, members and pairs named like one, user info of URLs. */
export function createRedactor(environment: Readonly<Record<string, string | undefined>>): Redactor {
  const known = Object.entries(environment)
    .flatMap(([name, value]) =>
      /KEY|PASSWORD|SECRET|TOKEN/.test(name) && value !== undefined && value.length >= SECRET_CHARS_MIN ? [value] : [],
    )
    .sort((a, b) => b.length - a.length)
  const text = (given: string) => {
    const unnamed = known.reduce((left, secret) => left.replaceAll(secret, HIDDEN), given)
    return inText.reduce((left, [pattern, instead]) => left.replace(pattern, instead), unnamed)
  }
  const value = (given: AuditValue | undefined, name = ''): AuditValue | undefined => {
    if (typeof given === 'string') return secretName.test(name) && given !== '' ? HIDDEN : text(given)
    if (given === null || given === undefined || typeof given !== 'object') return given
    if (Array.isArray(given)) return (given as readonly AuditValue[]).map((member) => value(member, name) ?? null)
    return Object.fromEntries(Object.entries(given).map(([member, held]) => [text(member), value(held as AuditValue, member)]))
  }
  return <Value extends AuditValue>(given: Value) => value(given) as Value
}

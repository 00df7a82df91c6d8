/** One value an answer must hold. Numbers compare by value, all else by text. */
export interface ExpectedAnswer {
  readonly json: string
  readonly text: string | null
  readonly isNumber: boolean
  /** Relative; 0 asks for equality. */
  readonly tolerance: number
}

export interface AnswerMismatch {
  readonly json: string
  readonly expected: string
  readonly actual: string
}

export function compareAnswer(body: unknown, expected: readonly ExpectedAnswer[]): AnswerMismatch[] {
  return expected.flatMap((answer) => {
    const actual = textAt(body, answer.json)
    if (actual !== undefined && isSame(answer, actual)) return []
    return [{ json: answer.json, expected: answer.text ?? 'null', actual: actual === undefined ? 'absent' : (actual ?? 'null') }]
  })
}

/** The value at a path of parts divided by dots, as text; undefined where there is none, null for null. */
export function textAt(body: unknown, path: string): string | null | undefined {
  let at: unknown = body
  for (const part of path.split('.')) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, part)) return undefined
    at = (at as Readonly<Record<string, unknown>>)[part]
  }
  if (at === null) return null
  if (typeof at === 'object') return JSON.stringify(at, (_key, value: unknown) => (typeof value === 'bigint' ? value.toString() : value))
  return String(at as string | number | bigint | boolean)
}

function isSame({ text, isNumber, tolerance }: ExpectedAnswer, actual: string | null): boolean {
  if (text === null || actual === null) return text === actual
  if (!isNumber) return text === actual
  if (tolerance === 0 || !numberPattern.test(actual)) return plainNumber(text) === plainNumber(actual)
  const [a, b] = [Number(text), Number(actual)]
  return Math.abs(a - b) <= tolerance * Math.max(Math.abs(a), Math.abs(b))
}

const numberPattern = /^([+-]?)(\d+)(?:\.(\d*))?(?:[eE]([+-]?\d{1,3}))?$/

/** One spelling for each value: `1.50`, `01.5` and `15e-1` are `1.5`; no digit is lost. Text that is no number stays. */
export function plainNumber(text: string): string {
  const match = numberPattern.exec(text)
  if (match === null) return text
  const [, sign, whole = '', fraction = '', exponent = '0'] = match
  const shift = Number(exponent)
  const digits = '0'.repeat(Math.max(0, -shift)) + whole + fraction + '0'.repeat(Math.max(0, shift))
  const pointAt = Math.max(0, -shift) + whole.length + shift
  const left = digits.slice(0, pointAt).replace(/^0+(?=.)/, '') || '0'
  const right = digits.slice(pointAt).replace(/0+$/, '')
  const value = right === '' ? left : `${left}.${right}`
  return sign === '-' && value !== '0' ? `-${value}` : value
}

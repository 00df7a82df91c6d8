import type { z } from 'zod'

/** What does not satisfy a schema, in words for the one who wrote it: path, what was expected, what was there. */
const SHOWN_LENGTH_MAX = 60
const PROBLEMS_MAX = 20

/** `error` must come from a parse with `reportInput: true`, else what was there is not known. `fieldsAt` feeds "did you mean". */
export function problemsOf(error: z.ZodError, fieldsAt: (path: readonly PropertyKey[]) => readonly string[] = () => []): string[] {
  const problems = error.issues.flatMap((issue) => problemsOfIssue(issue, fieldsAt(issue.path)))
  if (problems.length <= PROBLEMS_MAX) return problems
  return [...problems.slice(0, PROBLEMS_MAX), `and ${problems.length - PROBLEMS_MAX} more`]
}

function problemsOfIssue(issue: z.core.$ZodIssue, fields: readonly string[]): string[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map(
      (key) =>
        `${pathText([...issue.path, key])}: expected no such field${didYouMean(key, fields)}, got ${shown(fieldOf(issue.input, key))}`,
    )
  }
  return [`${pathText(issue.path)}: expected ${expectation(issue)}, got ${shown(issue.input)}`]
}

function expectation(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return withArticle(issue.expected)
    case 'too_big':
      return `at most ${issue.maximum}${unitOf(issue.origin)}`
    case 'too_small':
      return `${issue.inclusive === false ? 'more than' : 'at least'} ${issue.minimum}${unitOf(issue.origin)}`
    case 'invalid_value':
      return `one of ${issue.values.map(String).join(', ')}`
    default:
      // The schema's own words: a pattern says what it wants.
      return issue.message
  }
}

const unitOf = (origin: string) => (origin === 'string' ? ' characters' : origin === 'array' ? ' elements' : '')
const withArticle = (type: string) => (type === 'int' ? 'an integer' : `${/^[aeiou]/.test(type) ? 'an' : 'a'} ${type}`)
const fieldOf = (input: unknown, key: string): unknown =>
  typeof input === 'object' && input !== null ? Object.entries(input).find(([name]) => name === key)?.[1] : undefined

const pathText = (path: readonly PropertyKey[]) => (path.length === 0 ? 'message' : path.map(String).join('.'))

/** A value as a reader of a log can bear it: short, one line, printable. */
export function shown(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (Array.isArray(value)) return `an array of ${value.length}`
  if (typeof value === 'object' && value !== null) return `an object with ${Object.keys(value).slice(0, 8).join(', ') || 'no fields'}`
  if (typeof value === 'string' && value.length > SHOWN_LENGTH_MAX)
    return `${JSON.stringify(printable(value.slice(0, SHOWN_LENGTH_MAX)))}… (${value.length} characters)`
  // JSON would call NaN null.
  if (typeof value === 'number' || typeof value === 'bigint') return String(value)
  return JSON.stringify(typeof value === 'string' ? printable(value) : value)
}

export const printable = (text: string): string => text.replace(/\s+/g, ' ').replace(/[\p{Cc}\p{Cf}\p{Cs}]/gu, '\u00b7')

/** ` (did you mean "…"?)` for a name close to one of `candidates`, else nothing. */
export function didYouMean(name: string, candidates: readonly string[]): string {
  const bare = (text: string) => text.toLowerCase().replace(/[-_\s]/g, '')
  const near = candidates
    .map((candidate) => ({ candidate, distance: editDistance(bare(name), bare(candidate)) }))
    .filter(({ candidate, distance }) => distance <= Math.max(1, Math.floor(candidate.length / 3)))
    .sort((a, b) => a.distance - b.distance)[0]
  return near === undefined ? '' : ` (did you mean "${near.candidate}"?)`
}

const NAME_LENGTH_MAX = 64

/** Levenshtein's distance; beyond NAME_LENGTH_MAX characters two names count as wholly different. */
function editDistance(left: string, right: string): number {
  if (left.length > NAME_LENGTH_MAX || right.length > NAME_LENGTH_MAX) return Infinity
  let row = Array.from({ length: right.length + 1 }, (_, i) => i)
  for (let i = 1; i <= left.length; i++) {
    const next = [i]
    for (let j = 1; j <= right.length; j++) {
      const replaced = (row[j - 1] as number) + (left[i - 1] === right[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, (row[j] as number) + 1, (next[j - 1] as number) + 1))
    }
    row = next
  }
  return row[right.length] as number
}

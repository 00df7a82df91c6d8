import { AssayError } from '../core/errors.ts'

export const MAX_STREAMS = 20_000

export interface StreamName {
  readonly runId: string
  readonly stream: number
}

/** Small numbers for the streams of a set of files, in the order they were first seen. Throws AssayError beyond MAX_STREAMS. */
export class StreamNames {
  readonly list: StreamName[] = []
  readonly #numbers = new Map<string, number>()

  numberOf(name: StreamName): number {
    const key = `${name.runId}:${name.stream}`
    const known = this.#numbers.get(key)
    if (known !== undefined) return known
    if (this.list.length >= MAX_STREAMS) {
      throw new AssayError('LIMIT_REACHED', `identity scan: expected at most ${MAX_STREAMS} streams in one set of files, got more`)
    }
    const number = this.list.push(name) - 1
    this.#numbers.set(key, number)
    return number
  }
}

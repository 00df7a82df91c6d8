import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** A setting in a zod object: `NAME: z.…`, up to the end of its line. */
const SETTING = /\b([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+): (z\..*|url\b.*|port\b.*|brokerList\b.*)/g
/** Settings that several programs share stand in constants of this name. */
const SHARED = /export const (\w+Settings) = \{([^]*?)\}\n/g
const IMPORT = /import[^'"]*?from '(\.[^']+)'/g

export type Need = 'required' | 'optional'

/** The variables that a program reads, and whether it does without: its own, and those of the shared constants it names. */
export function settingsRead(main: string): ReadonlyMap<string, Need> {
  const text = readFileSync(main, 'utf8')
  const read = new Map<string, Need>()
  const note = (source: string) => {
    for (const [, name = '', shape = ''] of source.matchAll(SETTING)) {
      if (!read.has(name)) read.set(name, /\.(default|optional)\(/.test(shape) ? 'optional' : 'required')
    }
  }
  note(text)
  for (const [, target = ''] of text.matchAll(IMPORT)) {
    const path = join(dirname(main), target)
    if (!existsSync(path)) throw new Error(`${main} imports ${path}, which is not there`)
    for (const [, constant = '', members = ''] of `${readFileSync(path, 'utf8')}\n`.matchAll(SHARED))
      if (text.includes(constant)) note(members)
  }
  return read
}

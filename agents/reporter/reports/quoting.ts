import { printable } from './markup.ts'

/** What others wrote, on one line, with nothing in it that a terminal would obey. */
export const oneLine = (text: string) => printable(text).replace(/\s+/g, ' ').trim()

/** One word of a POSIX shell whatever stands in it. */
export function shellWord(text: string): string {
  const word = printable(text).replace(/\s/g, ' ')
  return /^[\w@%+=:,./][\w@%+=:,./-]*$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}

export const sqlText = (text: string) => `'${printable(text).replace(/\s/g, ' ').replaceAll("'", "''")}'`

export const sqlName = (name: string) =>
  /^[a-z_]\w*$/i.test(name) ? name : `"${printable(name).replace(/\s/g, ' ').replaceAll('"', '""')}"`

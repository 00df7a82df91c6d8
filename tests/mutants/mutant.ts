/** One deliberate mistake in judgement code: `find` stands in the file exactly once, and `put` takes its place. */
export interface Mutant {
  readonly name: string
  readonly file: string
  readonly find: string
  readonly put: string
}

/** Mistakes of one file. */
export const at =
  (file: string) =>
  (name: string, find: string, put: string): Mutant => ({ name, file, find, put })

/** The file with the mistake in it. Throws when the text is not there exactly once: the list must follow the code. */
export function mutated(text: string, { name, file, find, put }: Mutant): string {
  const places = text.split(find).length - 1
  if (places !== 1) throw new Error(`mutant "${name}": expected ${JSON.stringify(find)} once in ${file}, found it ${places} times`)
  return text.replace(find, () => put)
}

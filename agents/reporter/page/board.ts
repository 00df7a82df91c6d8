/**
 * The latest text of each thing that is shown, by key. Readers ask for what changed since they looked, so that a reader
 * who is slow gets the newest state and never a queue of old ones.
 */
export interface Board {
  /** Unchanged text is no change. */
  put(key: string, text: string): void
  remove(key: string): void
  keys(): Iterable<string>
  /** Texts of those keys that `seen` has not, in their order. `seen` is brought up to date: what is not asked for any more is forgotten. */
  changes(keys: Iterable<string>, seen: Map<string, number>): { readonly key: string; readonly text: string }[]
}

export function createBoard(): Board {
  const notes = new Map<string, { readonly text: string; readonly version: number }>()
  let version = 0
  return {
    put(key, text) {
      if (notes.get(key)?.text !== text) notes.set(key, { text, version: ++version })
    },
    remove(key) {
      notes.delete(key)
    },
    keys: () => notes.keys(),
    changes(keys, seen) {
      const wanted = new Set(keys)
      for (const key of seen.keys()) if (!wanted.has(key)) seen.delete(key)
      return [...wanted].flatMap((key) => {
        const note = notes.get(key)
        if (note === undefined || seen.get(key) === note.version) return []
        seen.set(key, note.version)
        return [{ key, text: note.text }]
      })
    },
  }
}

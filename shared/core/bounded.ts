/** Lets go of the oldest of a map or set until it holds no more than `max`. */
export function keepNewest<Key>(kept: { readonly size: number; keys(): Iterable<Key>; delete(key: Key): boolean }, max: number): void {
  if (kept.size <= max) return
  for (const oldest of kept.keys()) {
    kept.delete(oldest)
    if (kept.size <= max) return
  }
}

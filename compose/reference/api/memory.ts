/**
 * What each part of the API may have, in MB; together below the limit of its container. Two hours at 120 rows a second are
 * 860,000 rows of 272 bytes, 235 MB, and twice that while all are read anew.
 */
export const MEMORY_MB = { store: 560, source: 192, node: 160 } as const

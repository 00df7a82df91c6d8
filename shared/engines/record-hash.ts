import { hash } from 'node:crypto'
import { FIELD_MARK } from '../core/audit-fields.ts'
import type { IntervalPrints } from '../core/audit-print.ts'

/**
 * The second half of the MD5 of a record's canonical text, as two 32-bit words: what `md5_number_lower` gives in the
 * engine. It tells records apart that differ by accident; nobody is kept out by it.
 */
export function addRecord(prints: IntervalPrints, offset: number, text: string): void {
  const digest = hash('md5', text, 'buffer')
  prints.add(offset, digest.readUInt32LE(8), digest.readUInt32LE(12))
}

/** Of a record that its schema does not fit: differs from every row. */
export const unreadableText = (partition: number, offset: number) => `${partition}${FIELD_MARK}${offset}${FIELD_MARK}?`

/** Stands for a value that must not be shown: equal ones stay equal. */
export const maskedValue = (value: string | null) => (value === null ? null : `#${hash('sha256', value).slice(0, 12)}`)

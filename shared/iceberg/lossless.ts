import { isInteger, isSafeNumber, parse } from 'lossless-json'

/**
 * Parses JSON without bending integers: those beyond 2^53 come back as bigint, all other numbers as number. Iceberg's
 * snapshot ids are 63-bit, and `JSON.parse` rounds them to ids that do not exist. Throws SyntaxError.
 */
export function parseLossless(text: string): unknown {
  return parse(text, null, (digits) => (isInteger(digits) && !isSafeNumber(digits) ? BigInt(digits) : Number(digits)))
}

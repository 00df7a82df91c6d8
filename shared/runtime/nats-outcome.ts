import type { RecordOutcome } from './kafka-writer.ts'

/**
 * What an error of a publish says about the record.
 *
 * | what happened | outcome | why |
 * |---|---|---|
 * | no attempt was made: no connection | failed | nothing left this process |
 * | refused by the client before sending (too large, bad subject), or by the stream at the first attempt (the sets below) | failed | it stored nothing |
 * | the same after an earlier attempt went wrong | unknown | the earlier attempt may have been stored |
 * | timeout, connection ended, anything else | unknown | when in doubt |
 */
export function natsOutcome({ attempts, errorType }: { attempts: number; errorType: string }, reason: string): RecordOutcome {
  const isFailed = attempts === 0 || (attempts === 1 && definiteRefusals.has(errorType))
  return { outcome: isFailed ? 'failed' : 'unknown', partition: 0, reason }
}

/** Codes of the client, and `err_code` of JetStream's answers. */
export const definiteRefusals: ReadonlySet<string> = new Set([
  'MAX_PAYLOAD_EXCEEDED',
  'BAD_SUBJECT',
  'BAD_HEADER',
  'PERMISSIONS_VIOLATION',
  '10054', // message size exceeds the stream's maximum
  '10060', // another stream than expected
  '10077', // the stream is full and discards new messages
  '10109', // the stream is sealed
])

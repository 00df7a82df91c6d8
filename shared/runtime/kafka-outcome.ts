/**
 * What an error of the producer says about the records: were they written, or not, or can nobody tell?
 *
 * | what happened | outcome | why |
 * |---|---|---|
 * | no attempt was made: no metadata, no connection, unknown topic, wrong password, our own queue full | failed | nothing left this process |
 * | the first attempt met a definite refusal (the set below) | failed | the leader answered that it appended nothing |
 * | the same refusal after an earlier attempt went wrong | unknown | the earlier attempt may have been appended |
 * | timeout, closed connection, leader change, NOT_ENOUGH_REPLICAS…, sequence errors, anything else | unknown | when in doubt |
 *
 * A send goes to one partition, hence is one record batch, hence is appended whole or not at all.
 */
export type FailureOutcome = 'failed' | 'unknown'

export const definiteRefusals: ReadonlySet<string> = new Set([
  'MESSAGE_TOO_LARGE',
  'RECORD_LIST_TOO_LARGE',
  'INVALID_TOPIC_EXCEPTION',
  'INVALID_RECORD',
  'INVALID_TIMESTAMP',
  'INVALID_REQUIRED_ACKS',
  'TOPIC_AUTHORIZATION_FAILED',
  'CLUSTER_AUTHORIZATION_FAILED',
  'UNSUPPORTED_FOR_MESSAGE_FORMAT',
  'UNSUPPORTED_COMPRESSION_TYPE',
  'POLICY_VIOLATION',
])

export function outcomeOfWriteError({ attempts, errorType }: { attempts: number; errorType: string }): FailureOutcome {
  if (attempts === 0) return 'failed'
  return attempts === 1 && definiteRefusals.has(errorType) ? 'failed' : 'unknown'
}

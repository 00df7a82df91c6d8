/** Every error this pipeline throws, one row each. */
export const errorCodes = {
  CONFIG_INVALID: { retryable: false, doc: 'The environment does not satisfy the schema of this program.' },
  REGISTRY_UNAVAILABLE: { retryable: true, doc: 'The schema registry did not answer, or answered with a server error.' },
  REGISTRY_REFUSED: { retryable: false, doc: 'The schema registry refused what was asked.' },
  RECORD_UNDECODABLE: { retryable: false, doc: 'A record is not Avro of a known schema in Confluent framing.' },
  TRANSACTION_FAILED: { retryable: true, doc: 'A transaction still failed after every retry.' },
  CATALOG_UNAVAILABLE: { retryable: true, doc: 'The Iceberg catalog did not answer, or answered with an error.' },
  TABLE_MISSING: { retryable: true, doc: 'The catalog knows no such table, or the table has no snapshot yet.' },
  STORE_UNAVAILABLE: { retryable: true, doc: 'The object store did not answer, or answered with an error.' },
  TABLE_UNREADABLE: { retryable: false, doc: "A file of the table's metadata is not as Iceberg's format version 2 has it." },
  SNAPSHOT_UNREADABLE: { retryable: true, doc: 'The rows of a snapshot could not be loaded, or are not as many as the snapshot says.' },
} as const

export type ErrorCode = keyof typeof errorCodes

export class PipelineError extends Error {
  readonly code: ErrorCode
  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'PipelineError'
    this.code = code
  }
  get retryable(): boolean {
    return errorCodes[this.code].retryable
  }
}

export function isPipelineError(error: unknown, code: ErrorCode): error is PipelineError {
  return error instanceof PipelineError && error.code === code
}

/** Every error Assay throws: one row each, so docs and classes cannot drift apart. */
export const errorCodes = {
  INVARIANT_BROKEN: { retryable: false, meaning: 'An assertion of ours failed: a bug in Assay. What was being judged is void.' },
  CONFIG_INVALID: { retryable: false, meaning: "The environment does not satisfy the agent's settings." },
  INPUT_INVALID: {
    retryable: false,
    meaning: 'A topology, plan or control message does not satisfy its schema. The message gives file, line and path.',
  },
  BUS_UNAVAILABLE: { retryable: true, meaning: 'The Kafka cluster that carries control and results did not answer.' },
  PIPELINE_KAFKA_UNAVAILABLE: { retryable: true, meaning: 'The Kafka cluster under test did not answer.' },
  PIPELINE_NATS_UNAVAILABLE: { retryable: true, meaning: 'The NATS servers under test did not answer, or refused the exchange.' },
  REGISTRY_UNAVAILABLE: { retryable: true, meaning: 'The schema registry did not answer.' },
  SCHEMA_UNKNOWN: { retryable: false, meaning: 'A message names a schema id or subject the registry does not know.' },
  CATALOG_UNAVAILABLE: { retryable: true, meaning: 'The Iceberg REST catalog did not answer, or answered with a server error.' },
  TABLE_MISSING: { retryable: true, meaning: 'The catalog answers, and does not know the table.' },
  METADATA_BROKEN: {
    retryable: false,
    meaning: 'Table metadata, a manifest list or a manifest could not be read as what it claims to be.',
  },
  FORMAT_UNSUPPORTED: {
    retryable: false,
    meaning: 'A table holds files or columns of a kind Assay does not read (data files other than Parquet, types such as variant).',
  },
  OBJECT_STORE_UNAVAILABLE: { retryable: true, meaning: 'The object store did not answer, or refused the request.' },
  OBJECT_MISSING: { retryable: false, meaning: 'An object the metadata refers to is not in the store.' },
  ENGINE_FAILED: { retryable: false, meaning: 'The query engine refused or failed a query.' },
  ENDPOINT_UNAVAILABLE: { retryable: true, meaning: 'An HTTP endpoint of the pipeline did not answer.' },
  LIMIT_REACHED: { retryable: false, meaning: 'A named limit of Assay was reached; what could not be kept is named.' },
} as const

export type ErrorCode = keyof typeof errorCodes

export class AssayError extends Error {
  readonly code: ErrorCode
  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = new.target.name
    this.code = code
  }
  get retryable(): boolean {
    return errorCodes[this.code].retryable
  }
}

export class InvariantError extends AssayError {
  constructor(message: string) {
    super('INVARIANT_BROKEN', message)
  }
}

import { parseLossless } from '../../shared/iceberg/lossless.ts'

export interface Reply {
  /** Null when nothing came within the time. */
  readonly status: number | null
  /** Undefined for what is no JSON. Integers beyond 2^53 are bigint: snapshot ids have 63 bits. */
  readonly body: unknown
  readonly error: string | null
}

const BODY_BYTES_MAX = 1_000_000

export async function getJson(
  url: string,
  options: { headers: Readonly<Record<string, string>>; timeoutMs: number; signal: AbortSignal },
): Promise<Reply> {
  try {
    const signal = AbortSignal.any([AbortSignal.timeout(options.timeoutMs), options.signal])
    const response = await fetch(url, { headers: { accept: 'application/json', ...options.headers }, signal, redirect: 'manual' })
    const text = await textOf(response)
    if (text === null) return { status: null, body: undefined, error: `an answer of more than ${BODY_BYTES_MAX} bytes` }
    return { status: response.status, body: parsed(text), error: null }
  } catch (error) {
    return { status: null, body: undefined, error: reasonOf(error, options.timeoutMs) }
  }
}

/** Null for one that is too long: it is not read on, whatever its length. */
async function textOf({ body }: Response): Promise<string | null> {
  if (body === null) return ''
  const chunks: Uint8Array[] = []
  let sizeBytes = 0
  for await (const chunk of body as ReadableStream<Uint8Array>) {
    sizeBytes += chunk.length
    if (sizeBytes > BODY_BYTES_MAX) return null
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

function parsed(text: string): unknown {
  try {
    return parseLossless(text)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

/** fetch says only "fetch failed"; the reason is in its cause. */
function reasonOf(error: unknown, timeoutMs: number): string {
  if (!(error instanceof Error)) return String(error)
  if (error.name === 'TimeoutError') return `no answer within ${timeoutMs} ms`
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message || error.cause.name}` : error.message
}

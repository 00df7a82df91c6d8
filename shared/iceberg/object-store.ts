import { createWriteStream } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { GetObjectCommand, HeadObjectCommand, S3Client, S3ServiceException } from '@aws-sdk/client-s3'
import type { GetObjectCommandOutput } from '@aws-sdk/client-s3'
import { AssayError } from '../core/errors.ts'

/** Objects read whole are manifests and manifest lists; data files go through `downloadTo`. */
export const MAX_OBJECT_IN_MEMORY_BYTES = 256 * 1024 * 1024

export interface ObjectStoreOptions {
  endpoint: string
  region: string
  accessKeyId: string
  secretAccessKey: string
  timeoutMs: number
}

/** Failures are OBJECT_MISSING, OBJECT_STORE_UNAVAILABLE (retryable) or LIMIT_REACHED. URIs are `s3://bucket/key`, as in manifests. */
export interface ObjectStore {
  get(uri: string): Promise<Uint8Array>
  /** null: the store answers, and has no such object. */
  head(uri: string): Promise<{ sizeBytes: number } | null>
  /** Streams into `path`, which appears whole or not at all. Returns the number of bytes. */
  downloadTo(uri: string, path: string): Promise<number>
  close(): void
}

export function createObjectStore(options: ObjectStoreOptions): ObjectStore {
  const client = new S3Client({
    endpoint: options.endpoint,
    region: options.region,
    credentials: { accessKeyId: options.accessKeyId, secretAccessKey: options.secretAccessKey },
    forcePathStyle: true,
    requestHandler: { connectionTimeout: options.timeoutMs, requestTimeout: options.timeoutMs },
    // Stores other than AWS's own know nothing of the checksums the SDK adds by default.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  })

  async function open(uri: string): Promise<{ body: Readable; sizeBytes: number | null }> {
    const output = await client.send(new GetObjectCommand(locate(uri))).catch((cause: unknown) => {
      throw failed(`GET ${uri}`, cause)
    })
    return { body: readableOf(output, uri), sizeBytes: output.ContentLength ?? null }
  }

  return {
    async get(uri) {
      const { body, sizeBytes } = await open(uri)
      if (sizeBytes !== null && sizeBytes > MAX_OBJECT_IN_MEMORY_BYTES) {
        body.destroy()
        throw new AssayError('LIMIT_REACHED', `GET ${uri}: ${sizeBytes} bytes, limit ${MAX_OBJECT_IN_MEMORY_BYTES}`)
      }
      return collect(body, { uri, sizeBytes })
    },

    async head(uri) {
      try {
        const output = await client.send(new HeadObjectCommand(locate(uri)))
        return { sizeBytes: output.ContentLength ?? 0 }
      } catch (cause) {
        if (isMissing(cause)) return null
        throw failed(`HEAD ${uri}`, cause)
      }
    },

    async downloadTo(uri, path) {
      const { body, sizeBytes } = await open(uri)
      const partPath = `${path}.part`
      try {
        const file = createWriteStream(partPath)
        await pipeline(body, file)
        checkWhole(uri, { expectedBytes: sizeBytes, actualBytes: file.bytesWritten })
        await rename(partPath, path)
        return file.bytesWritten
      } catch (cause) {
        await rm(partPath, { force: true })
        throw failed(`GET ${uri} into ${path}`, cause)
      }
    },

    close() {
      client.destroy()
    },
  }
}

function locate(uri: string): { Bucket: string; Key: string } {
  const match = /^s3[an]?:\/\/([^/]+)\/(.+)$/.exec(uri)
  if (match === null) throw new AssayError('METADATA_BROKEN', `expected an s3:// location, got "${uri}"`)
  return { Bucket: match[1] as string, Key: match[2] as string }
}

function readableOf(output: GetObjectCommandOutput, uri: string): Readable {
  if (output.Body instanceof Readable) return output.Body
  throw new AssayError('OBJECT_STORE_UNAVAILABLE', `GET ${uri}: answered without a body`)
}

async function collect(body: Readable, { uri, sizeBytes }: { uri: string; sizeBytes: number | null }): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let actualBytes = 0
  try {
    for await (const chunk of body as AsyncIterable<Uint8Array>) {
      chunks.push(chunk)
      actualBytes += chunk.length
      if (actualBytes > MAX_OBJECT_IN_MEMORY_BYTES) {
        throw new AssayError('LIMIT_REACHED', `GET ${uri}: more than ${MAX_OBJECT_IN_MEMORY_BYTES} bytes`)
      }
    }
    checkWhole(uri, { expectedBytes: sizeBytes, actualBytes })
  } catch (cause) {
    throw failed(`GET ${uri}`, cause)
  }
  return Buffer.concat(chunks)
}

function checkWhole(uri: string, { expectedBytes, actualBytes }: { expectedBytes: number | null; actualBytes: number }): void {
  if (expectedBytes === null || expectedBytes === actualBytes) return
  throw new AssayError('OBJECT_STORE_UNAVAILABLE', `GET ${uri}: expected ${expectedBytes} bytes, got ${actualBytes}`)
}

function isMissing(error: unknown): boolean {
  return error instanceof S3ServiceException && error.$metadata.httpStatusCode === 404
}

function failed(what: string, cause: unknown): AssayError {
  if (cause instanceof AssayError) return cause
  if (isMissing(cause)) return new AssayError('OBJECT_MISSING', `${what}: no such object`, { cause })
  // A refused HEAD carries no message, only its status.
  const status = cause instanceof S3ServiceException ? ` (HTTP ${cause.$metadata.httpStatusCode ?? 'unknown'})` : ''
  const reason = cause instanceof Error ? `${cause.name}: ${cause.message}${status}` : String(cause)
  return new AssayError('OBJECT_STORE_UNAVAILABLE', `${what}: ${reason}`, { cause })
}

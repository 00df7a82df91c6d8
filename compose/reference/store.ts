import { DeleteObjectCommand, GetObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { PipelineError } from './errors.ts'

const TIMEOUT_MS = 10_000
const PAGES_MAX = 1_000

export type StoreSettings = { endpoint: string; region: string; accessKey: string; secretKey: string }
export type StoredObject = { uri: string; modifiedMs: number }

/** The object store, by `s3://bucket/key`, as Iceberg's metadata names its files. */
export type ObjectStore = {
  get: (uri: string) => Promise<Buffer>
  put: (uri: string, bytes: Buffer) => Promise<void>
  /** One that is not there counts as removed. */
  remove: (uri: string) => Promise<void>
  /** All objects below a folder. */
  list: (folder: string) => Promise<StoredObject[]>
}

export function openStore({ endpoint, region, accessKey, secretKey }: StoreSettings): ObjectStore {
  const client = new S3Client({
    endpoint,
    region,
    credentials: { accessKeyId: accessKey, secretAccessKey: secretKey },
    forcePathStyle: true,
    requestHandler: { connectionTimeout: TIMEOUT_MS, requestTimeout: TIMEOUT_MS },
    // Stores other than AWS's own know nothing of the checksums the SDK adds by default.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  })
  const asked = async <Answer>(what: string, answer: Promise<Answer>): Promise<Answer> => {
    try {
      return await answer
    } catch (cause) {
      throw new PipelineError('STORE_UNAVAILABLE', `${what}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
    }
  }
  return {
    get: (uri) =>
      asked(
        `GET ${uri}`,
        client.send(new GetObjectCommand(placeOf(uri))).then(async ({ Body }) => Buffer.from((await Body?.transformToByteArray()) ?? [])),
      ),
    put: async (uri, bytes) => {
      await asked(`PUT ${uri}`, client.send(new PutObjectCommand({ ...placeOf(uri), Body: bytes })))
    },
    remove: async (uri) => {
      await asked(`DELETE ${uri}`, client.send(new DeleteObjectCommand(placeOf(uri))))
    },
    list: async (folder) => {
      const { Bucket, Key: Prefix } = placeOf(`${folder}/`)
      const found: StoredObject[] = []
      let token: string | undefined
      for (let page = 0; page < PAGES_MAX; page += 1) {
        const ask = new ListObjectsV2Command({ Bucket, Prefix, ...(token === undefined ? {} : { ContinuationToken: token }) })
        const answer = await asked(`LIST ${folder}`, client.send(ask))
        for (const { Key, LastModified } of answer.Contents ?? [])
          if (Key !== undefined && LastModified !== undefined)
            found.push({ uri: `s3://${Bucket}/${Key}`, modifiedMs: LastModified.getTime() })
        token = answer.NextContinuationToken
        if (token === undefined) break
      }
      return found
    },
  }
}

function placeOf(uri: string): { Bucket: string; Key: string } {
  const [, Bucket, Key] = /^s3[an]?:\/\/([^/]+)\/(.+)$/.exec(uri) ?? []
  if (Bucket === undefined || Key === undefined) throw new PipelineError('TABLE_UNREADABLE', `expected an s3:// location, found "${uri}"`)
  return { Bucket, Key }
}

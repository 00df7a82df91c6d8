import { z } from 'zod'
import { AssayError } from '../core/errors.ts'
import { parseLossless } from './lossless.ts'
import { parseTableMetadata } from './metadata.ts'
import type { TableMetadata } from './metadata.ts'

/** A table with a hundred thousand snapshots has metadata of about this size. */
export const MAX_METADATA_BYTES = 128 * 1024 * 1024
const MAX_QUOTED_CHARS = 300

export interface RestCatalogOptions {
  url: string
  timeoutMs: number
  token?: string
  warehouse?: string
}

export interface TableName {
  /** Levels joined by dots. */
  namespace: string
  table: string
}

export interface LoadedTable {
  metadataLocation: string | null
  metadata: TableMetadata
}

export interface TableCatalog {
  /** Throws TABLE_MISSING, CATALOG_UNAVAILABLE (retryable), METADATA_BROKEN. Never answers from a cache. */
  loadTable(name: TableName, options?: LoadOptions): Promise<LoadedTable>
}

export interface LoadOptions {
  /** `refs`: only snapshots that a branch or tag names, so that the answer stays short however many there are. */
  readonly snapshots?: 'all' | 'refs'
}

const configResponse = z.object({
  defaults: z.record(z.string(), z.string()).default({}),
  overrides: z.record(z.string(), z.string()).default({}),
})
const tableResponse = z.object({ 'metadata-location': z.string().nullish(), metadata: z.unknown() })

interface Route {
  /** `<url>/v1` or `<url>/v1/<prefix>`. */
  base: string
  /** Already percent-encoded, as catalogs send it. */
  namespaceSeparator: string
}

export function createRestCatalog(options: RestCatalogOptions): TableCatalog {
  const root = `${options.url.replace(/\/+$/, '')}/v1`
  let route: Route | null = null

  async function findRoute(): Promise<Route> {
    const query = options.warehouse === undefined ? '' : `?warehouse=${encodeURIComponent(options.warehouse)}`
    const url = `${root}/config${query}`
    const answer = await getText(url, options)
    if (answer.status !== 200) throw refused(url, answer)
    const { defaults, overrides } = parseBody(answer.text, { schema: configResponse, url })
    const settings = { ...defaults, ...overrides }
    const prefix = settings['prefix']
    return {
      base: prefix === undefined || prefix === '' ? root : `${root}/${prefix.split('/').map(encodeURIComponent).join('/')}`,
      namespaceSeparator: settings['namespace-separator'] ?? '%1F',
    }
  }

  return {
    async loadTable({ namespace, table }, { snapshots = 'all' } = {}) {
      const query = snapshots === 'refs' ? '?snapshots=refs' : ''
      route ??= await findRoute()
      const levels = namespace.split('.').map(encodeURIComponent).join(route.namespaceSeparator)
      const url = `${route.base}/namespaces/${levels}/tables/${encodeURIComponent(table)}${query}`
      const answer = await getText(url, options)
      if (answer.status === 404) {
        throw new AssayError('TABLE_MISSING', `catalog ${options.url} does not know table ${namespace}.${table}: ${quoted(answer.text)}`)
      }
      if (answer.status !== 200) throw refused(url, answer)
      const body = parseBody(answer.text, { schema: tableResponse, url })
      return {
        metadataLocation: body['metadata-location'] ?? null,
        metadata: parseTableMetadata(body.metadata, `${namespace}.${table} from ${options.url}`),
      }
    },
  }
}

interface Answer {
  status: number
  text: string
}

async function getText(url: string, { timeoutMs, token }: RestCatalogOptions): Promise<Answer> {
  const headers: Record<string, string> = { accept: 'application/json' }
  if (token !== undefined) headers['authorization'] = `Bearer ${token}`
  try {
    const response = await fetch(url, { headers, signal: AbortSignal.timeout(timeoutMs) })
    const declaredBytes = Number(response.headers.get('content-length') ?? 0)
    if (declaredBytes > MAX_METADATA_BYTES) {
      await response.body?.cancel()
      throw new AssayError('LIMIT_REACHED', `GET ${url}: answer of ${declaredBytes} bytes, limit ${MAX_METADATA_BYTES}`)
    }
    return { status: response.status, text: await response.text() }
  } catch (cause) {
    if (cause instanceof AssayError) throw cause
    throw new AssayError('CATALOG_UNAVAILABLE', `GET ${url}: no answer (limit ${timeoutMs} ms): ${reasonOf(cause)}`, { cause })
  }
}

/** fetch says only "fetch failed"; the reason is in its cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message
}

function refused(url: string, { status, text }: Answer): AssayError {
  return new AssayError('CATALOG_UNAVAILABLE', `GET ${url}: expected 200, got ${status}: ${quoted(text)}`)
}

function quoted(text: string): string {
  return text.length > MAX_QUOTED_CHARS ? `${text.slice(0, MAX_QUOTED_CHARS)}…` : text
}

function parseBody<T>(text: string, { schema, url }: { schema: z.ZodType<T>; url: string }): T {
  try {
    return schema.parse(parseLossless(text))
  } catch (cause) {
    throw new AssayError('METADATA_BROKEN', `GET ${url}: not the answer of an Iceberg REST catalog: ${quoted(text)}`, { cause })
  }
}

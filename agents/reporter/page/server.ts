import { readdir, realpath } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'
import fastifyHelmet from '@fastify/helmet'
import fastifyStatic from '@fastify/static'
import Fastify, { type FastifyInstance, type FastifyReply } from 'fastify'
import { runIdText } from '../../../schemas/parts.ts'
import type { Log } from '../../../shared/runtime/log.ts'
import type { RowView, RunView, ViolationsView } from './views.ts'
import type { Reply, Wishes } from './wishes.ts'

/** What the server asks of the page. */
export interface PageDesk {
  readonly reportsDir: string
  readonly log: Pick<Log, 'error'>
  readonly wishes: Wishes
  rows(): readonly RowView[]
  /** Null for a run that is not known, or not any more. */
  run(runId: string): { readonly run: RunView; readonly violations: ViolationsView | null } | null
  latestFailed(): string | null
  /** Null once the stream is open, else why it is not. */
  listen(response: ServerResponse, wish: string): Reply | null
}

export interface PageServer {
  answer(request: IncomingMessage, response: ServerResponse): void
  /** For tests: a request without a socket. */
  readonly inject: FastifyInstance['inject']
  close(): Promise<void>
}

const BODY_BYTES_MAX = 64 * 1024
const BROWSER_FILES = join(import.meta.dirname, 'browser')

/** Nothing is inline, nothing comes from elsewhere, nobody may frame it. */
const PAGE_POLICY = {
  useDefaults: false,
  directives: {
    defaultSrc: ["'none'"],
    scriptSrc: ["'self'"],
    styleSrc: ["'self'"],
    imgSrc: ["'self'"],
    connectSrc: ["'self'"],
    baseUri: ["'none'"],
    formAction: ["'none'"],
    frameAncestors: ["'none'"],
    requireTrustedTypesFor: ["'script'"],
  },
}
/** Reports hold what the pipeline said: they may look as they like, and do nothing; links may open. */
const REPORT_POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
  'sandbox allow-popups allow-popups-to-escape-sandbox allow-downloads'

/** How a browser is to take a report, by the end of its name. Markdown is text to most of them. */
const mediaTypes: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  json: 'application/json; charset=utf-8',
  jsonl: 'text/plain; charset=utf-8',
  log: 'text/plain; charset=utf-8',
  md: 'text/plain; charset=utf-8',
  svg: 'image/svg+xml',
  txt: 'text/plain; charset=utf-8',
  xml: 'application/xml; charset=utf-8',
}
const REPORT_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,120}$/

/** The door to fastify: the page's routes, and the headers that keep it what it is. */
export async function createPageServer(desk: PageDesk): Promise<PageServer> {
  const app = Fastify({ logger: false, bodyLimit: BODY_BYTES_MAX, exposeHeadRoutes: true })
  app.removeContentTypeParser('text/plain')
  await app.register(fastifyHelmet, {
    contentSecurityPolicy: PAGE_POLICY,
    referrerPolicy: { policy: 'no-referrer' },
    xFrameOptions: { action: 'deny' },
    // Whether it is served over TLS is the proxy's to say.
    strictTransportSecurity: false,
    // It would keep nothing apart here, and browsers complain of it where they met the origin without it.
    originAgentCluster: false,
  })
  await app.register(fastifyStatic, { root: BROWSER_FILES, prefix: '/page/', dotfiles: 'ignore', cacheControl: false, index: false })
  app.addHook('onRequest', (_request, reply, done) => {
    reply.header('cache-control', 'no-cache')
    done()
  })
  app.setErrorHandler((error: { statusCode?: number; message: string }, request, reply) => {
    const status = error.statusCode ?? 500
    if (status >= 500) desk.log.error({ err: error, path: request.url }, 'the page could not answer')
    return reply.code(status).send({ problems: [status >= 500 ? 'the page could not answer; the log says why' : error.message] })
  })
  app.setNotFoundHandler((_request, reply) => notFound(reply))
  addPages(app, desk)
  addReports(app, desk)
  addApi(app, desk)
  await app.ready()
  return {
    answer: (request, response) => {
      app.routing(request, response)
    },
    inject: app.inject.bind(app),
    close: () => app.close(),
  }
}

interface OfRun {
  Params: { runId: string }
}

const notFound = (reply: FastifyReply) => reply.code(404).send({ problems: ['there is no such page'] })

const isRunId = (text: string) => runIdText.safeParse(text).success

function addPages(app: FastifyInstance, desk: PageDesk): void {
  app.get('/', (_request, reply) => reply.sendFile('index.html'))
  // Where the links of alerts lead.
  app.get('/runbooks', (_request, reply) => reply.sendFile('runbooks.html'))
  app.get('/runs/latest-failed', (_request, reply) => {
    const runId = desk.latestFailed()
    if (runId === null) return reply.code(404).send({ problems: ['no failed run is known'] })
    return reply.redirect(`/runs/${runId}`, 302)
  })
  app.get<OfRun>('/runs/:runId', (request, reply) => (isRunId(request.params.runId) ? reply.sendFile('index.html') : notFound(reply)))
}

function addReports(app: FastifyInstance, { reportsDir }: PageDesk): void {
  app.get<{ Params: { runId: string; file: string } }>('/runs/:runId/:file', async (request, reply) => {
    const { runId, file } = request.params
    if (!isRunId(runId) || !REPORT_NAME.test(file)) return notFound(reply)
    const folder = join(reportsDir, runId)
    // A link in the folder must not lead out of it.
    const path = await realpath(join(folder, file)).catch(() => null)
    if (path === null || path !== join(await realpath(folder), file)) return notFound(reply)
    const end = file.slice(file.lastIndexOf('.') + 1)
    const mediaType = mediaTypes[end]
    reply.header('content-security-policy', REPORT_POLICY)
    reply.header('content-type', mediaType ?? 'application/octet-stream')
    if (mediaType === undefined) reply.header('content-disposition', `attachment; filename="${file}"`)
    return reply.sendFile(file, folder, { dotfiles: 'ignore', cacheControl: false, contentType: false })
  })
}

function addApi(app: FastifyInstance, desk: PageDesk): void {
  app.get<{ Querystring: { run?: string } }>('/events', (request, reply) => {
    const { run = 'latest' } = request.query
    if (run !== 'latest' && !isRunId(run)) return reply.code(400).send({ problems: [`run: expected a run id, got ${run}`] })
    for (const [name, value] of Object.entries(reply.getHeaders())) if (value !== undefined) reply.raw.setHeader(name, value)
    const refused = desk.listen(reply.raw, run)
    if (refused !== null) return send(reply.header('retry-after', '5'), refused)
    return reply.hijack()
  })
  app.get('/api/runs', () => ({ runs: desk.rows() }))
  app.get<OfRun>('/api/runs/:runId', async (request, reply) => {
    const { runId } = request.params
    if (!isRunId(runId)) return notFound(reply)
    const files = await reportFiles(join(desk.reportsDir, runId))
    const known = desk.run(runId)
    if (known === null) return reply.code(404).send({ problems: [`run ${runId} is not among those known`], files })
    return { ...known, files }
  })
  app.get<OfRun>('/api/runs/:runId/files', async (request, reply) => {
    const { runId } = request.params
    if (!isRunId(runId)) return notFound(reply)
    return { isKnown: desk.run(runId) !== null, files: await reportFiles(join(desk.reportsDir, runId)) }
  })
  app.post('/api/runs', async (request, reply) => {
    return send(reply, desk.wishes.refusal(request.headers) ?? (await desk.wishes.run(request.body)))
  })
  app.post<OfRun>('/api/runs/:runId/cancel', async (request, reply) => {
    const refusal = desk.wishes.refusal(request.headers)
    if (refusal !== null) return send(reply, refusal)
    const known = desk.run(request.params.runId)
    if (known === null) return reply.code(404).send({ problems: [`run ${request.params.runId} is not among those known`] })
    if (!known.run.mayCancel) return reply.code(409).send({ problems: [`there is nothing to cancel: the run is ${known.run.phase}`] })
    return send(reply, await desk.wishes.cancel(request.params.runId, request.body))
  })
}

function send(reply: FastifyReply, { status, body }: Reply): FastifyReply {
  if (status === 401) reply.header('www-authenticate', 'Bearer realm="assay"')
  return reply.code(status).send(body)
}

async function reportFiles(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => [])
  return names.filter((name) => REPORT_NAME.test(name) && !name.endsWith('.part')).sort()
}

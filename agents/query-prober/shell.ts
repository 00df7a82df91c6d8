import { setTimeout as sleep } from 'node:timers/promises'
import { AssayError } from '../../shared/core/errors.ts'
import { spanIdOf, traceIdOf } from '../../shared/core/identity.ts'
import type { DuckDb } from '../../shared/engines/duckdb.ts'
import { runCanaries, type RunCanaries } from '../../shared/engines/expected-rows.ts'
import type { TableCatalog } from '../../shared/iceberg/rest-catalog.ts'
import type { Shell } from '../../shared/runtime/agent-loop.ts'
import { createCanarySpans, isTraced, type CanarySpans } from '../../shared/runtime/canary-spans.ts'
import { answerDetail } from '../../shared/runtime/hop-spans.ts'
import type { Log } from '../../shared/runtime/log.ts'
import type { Metrics, TracedValue } from '../../shared/runtime/metrics.ts'
import { traceparent, type Tracing } from '../../shared/runtime/tracing.ts'
import { hopName, type ApiHop, type TableHop, type Topology } from '../../topology/topology.ts'
import type { Answer, ProberEffect, ProberEvent } from './events.ts'
import { getJson, type Reply } from './endpoint.ts'
import { expectedAnswers, type Expected } from './expected-answers.ts'
import { compareAnswer, textAt } from './probes/compare.ts'

export interface ProberPorts {
  /** This agent's own: with addresses and headers. */
  readonly topology: Topology
  readonly catalog: TableCatalog
  readonly db: DuckDb
  readonly log: Log
  readonly metrics: Metrics
  readonly tracing: Tracing
}

type Send = (event: ProberEvent) => void
type Effect<Type extends ProberEffect['type']> = Extract<ProberEffect, { type: Type }>

/** Unix ms with fractions, on the monotonic clock. */
const nowMs = () => performance.timeOrigin + performance.now()

/** Asks, computes what the answer should be, compares; decides nothing. */
export class ProberShell implements Shell<ProberEvent, ProberEffect> {
  readonly #ports: ProberPorts
  readonly #spans: CanarySpans
  readonly #runs = new Map<string, { readonly canaries: RunCanaries; readonly stop: AbortController }>()

  constructor(ports: ProberPorts) {
    this.#ports = ports
    this.#spans = createCanarySpans({ tracing: ports.tracing, agent: 'query-prober', hops: ports.topology.hops })
  }

  perform(effect: ProberEffect, send: Send): void {
    switch (effect.type) {
      case 'begin-probing':
        this.#runs.set(effect.runId, { canaries: runCanaries(effect.runId, effect.resolved), stop: new AbortController() })
        return
      case 'stop-probing':
        this.#stop(effect.runId)
        return
      case 'ask':
        void this.#ask(effect, send)
        return
      case 'look-at-lineage':
        void this.#lookAtLineage(effect, send)
        return
      case 'publish':
      case 'request':
      case 'share-work':
        return
      default:
        effect satisfies never
    }
  }

  onStep(event: ProberEvent, effects: readonly ProberEffect[]): void {
    this.#spans.onStep(event, effects)
  }

  async close(): Promise<void> {
    this.#spans.close()
    for (const runId of [...this.#runs.keys()]) this.#stop(runId)
    this.#ports.db.close()
    await Promise.resolve()
  }

  #stop(runId: string): void {
    this.#runs.get(runId)?.stop.abort()
    this.#runs.delete(runId)
  }

  async #ask(effect: Effect<'ask'>, send: Send): Promise<void> {
    const { runId, id, question, intendedAtMs } = effect
    const run = this.#runs.get(runId)
    if (run === undefined) return
    const { signal } = run.stop
    try {
      const { api, table } = this.#hops(effect.hop)
      const expected = await expectedAnswers(this.#ports.db, { canaries: run.canaries, api, table, question })
      // The API's latency counts from when it should have been asked; what we are late ourselves is not its doing.
      const preparedMs = nowMs()
      if (preparedMs > intendedAtMs) this.#ports.metrics.add('assay_prober_late_questions_total')
      else await sleep(intendedAtMs - preparedMs, undefined, { signal })
      const fromMs = Math.max(intendedAtMs, preparedMs)
      const headers = { ...(question.kind === 'no-credentials' ? {} : api.headers), ...this.#traceHeaders(effect) }
      const reply = await getJson(expected.url, { headers, timeoutMs: api.timeoutMs, signal })
      if (signal.aborted) return
      const answer = answerOf(reply, { api, expected, fromMs })
      this.#observe(effect, { answer, fromMs })
      send({ type: 'answered', runId, id, answer })
    } catch (error) {
      if (signal.aborted) return
      if (!(error instanceof AssayError)) throw error
      this.#ports.log.error({ runId, hop: effect.hop, err: error }, 'the answer to expect could not be computed')
      send({ type: 'unanswerable', runId, id, reason: error.message })
    }
  }

  #hops(name: string): { api: ApiHop; table: TableHop } {
    const { hops, name: topology } = this.#ports.topology
    const index = hops.findIndex((hop) => hopName(hop) === name)
    const api = hops[index]
    const table = hops.slice(0, Math.max(0, index)).findLast((hop) => hop.kind === 'table')
    if (api?.kind !== 'api' || table === undefined)
      throw new AssayError('INPUT_INVALID', `topology ${topology} of this agent has no ${name} behind a table`)
    return { api, table }
  }

  async #lookAtLineage({ runId, hop }: Effect<'look-at-lineage'>, send: Send): Promise<void> {
    // What is in the catalog from here on is in the answer.
    const atMs = nowMs()
    try {
      const table = this.#ports.topology.hops.find((candidate) => hopName(candidate) === hop)
      if (table?.kind !== 'table')
        throw new AssayError('INPUT_INVALID', `topology ${this.#ports.topology.name} of this agent has no ${hop}`)
      const { metadata } = await this.#ports.catalog.loadTable(table)
      const snapshots = metadata.snapshots.map(({ snapshotId, parentId, timestampMs }) => ({
        snapshotId: String(snapshotId),
        parentId: parentId === null ? null : String(parentId),
        committedAtMs: timestampMs,
      }))
      send({ type: 'lineage-seen', runId, atMs, snapshots })
    } catch (error) {
      if (!(error instanceof AssayError)) throw error
      this.#ports.log.warn({ runId, hop, err: error }, 'no second look at the catalog')
      send({ type: 'lineage-unseen', runId, hop, reason: error.message })
    }
  }

  /** With its trace where that one is sent. */
  #traced({ runId, question }: Pick<Effect<'ask'>, 'runId' | 'question'>, value: number): number | TracedValue {
    const resolved = this.#runs.get(runId)?.canaries.resolved
    if (question.kind !== 'canary' || resolved === undefined || !this.#ports.tracing.isOn) return value
    const { stream, seq } = question
    return isTraced(resolved.plan, stream, seq) ? { value, traceId: traceIdOf({ runId, stream, seq }) } : value
  }

  /** What the endpoint traces of a canary's answer becomes a part of the canary's trace; of one that is not sent it traces nothing. */
  #traceHeaders({ runId, hop, question, isSuspect }: Effect<'ask'>): Record<string, string> {
    const plan = this.#runs.get(runId)?.canaries.resolved.plan
    if (question.kind !== 'canary' || plan === undefined) return {}
    const { stream, seq } = question
    const traceId = traceIdOf({ runId, stream, seq })
    return { traceparent: traceparent(traceId, spanIdOf(traceId, hop), isSuspect || isTraced(plan, stream, seq)) }
  }

  #observe({ hop, runId, question }: Effect<'ask'>, { answer, fromMs }: { answer: Answer; fromMs: number }): void {
    const { metrics } = this.#ports
    const isWrong = answer.status !== 200 || answer.mismatches.length > 0
    if (question.kind === 'canary' || question.kind === 'window') {
      metrics.add('assay_prober_answers_total', 1, { hop, outcome: answer.status !== 200 ? 'refused' : isWrong ? 'different' : 'right' })
      metrics.observe('assay_prober_latency_seconds', this.#traced({ runId, question }, answer.latencyMs / 1000), { hop })
    }
    const resolved = this.#runs.get(runId)?.canaries.resolved
    if (question.kind !== 'canary' || resolved === undefined) return
    const { stream, seq } = question
    const detail = answerDetail(answer, isWrong ? 'different' : 'right')
    this.#spans.sighted(this.#spans.at({ runId, resolved }, hop), {
      stream,
      seq,
      startMs: fromMs,
      endMs: fromMs + answer.latencyMs,
      detail,
    })
  }
}

function answerOf({ status, body, error }: Reply, { api, expected, fromMs }: { api: ApiHop; expected: Expected; fromMs: number }): Answer {
  const atMs = nowMs()
  const isJson = body !== undefined
  const snapshotId = api.snapshot === null ? null : (textAt(body, api.snapshot) ?? null)
  const mismatches = status === 200 ? compareAnswer(body, expected.answers) : []
  return { atMs, latencyMs: atMs - fromMs, status, isJson, snapshotId, mismatches, error }
}

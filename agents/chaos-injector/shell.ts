import { setTimeout as sleep } from 'node:timers/promises'
import { AssayError } from '../../shared/core/errors.ts'
import type { Shell } from '../../shared/runtime/agent-loop.ts'
import type { Bus } from '../../shared/runtime/bus.ts'
import type { Log } from '../../shared/runtime/log.ts'
import type { Metrics } from '../../shared/runtime/metrics.ts'
import type { Topology } from '../../topology/topology.ts'
import type { InjectorEffect, InjectorEvent } from './events.ts'
import { isSameTarget } from './faults/fault.ts'
import { faults } from './faults/faults.ts'
import { startWatchdog } from './guard.ts'
import { healLease, leaseIdOf, leasePath, openLeases, readEndedLease, readLease, writeLease, type Lease } from './lease.ts'

export interface InjectorPorts {
  readonly topology: Pick<Topology, 'chaos'>
  readonly leasesDir: string
  readonly bus: Pick<Bus, 'flush'>
  readonly log: Log
  readonly metrics: Pick<Metrics, 'add'>
  readonly stopWatching: () => void
}

type Send = (event: InjectorEvent) => void
type Effect<Type extends InjectorEffect['type']> = Extract<InjectorEffect, { type: Type }>

const INTENT_KEPT_WITHIN_MS = 5_000
const BIT_ATTEMPTS_MAX = 20
const BIT_EVERY_MS = 100

/** Injects and heals under leases; decides nothing. */
export class InjectorShell implements Shell<InjectorEvent, InjectorEffect> {
  readonly #ports: InjectorPorts
  /** The work under way on each target: what concerns one target happens one after the other. */
  readonly #turns = new Map<string, Promise<void>>()
  #isLeaving = false

  constructor(ports: InjectorPorts) {
    this.#ports = ports
  }

  perform(effect: InjectorEffect, send: Send): void {
    switch (effect.type) {
      case 'inject':
        this.#inTurn(effect.target, async () => send(await this.#inject(effect)))
        return
      case 'heal':
        this.#inTurn(effect.target, async () => send(await this.#heal(effect)))
        return
      case 'look-at-lease':
        this.#inTurn(effect.target, async () => {
          const found = await this.#lookAtLease(effect)
          if (found !== null) send(found)
        })
        return
      case 'clear-leases':
        void this.#clearLeases(effect).then(send)
        return
      case 'publish':
      case 'request':
      case 'share-work':
        return
      default:
        effect satisfies never
    }
  }

  /** A graceful stop leaves no fault behind; what cannot be healed now is left to the watchdogs. */
  async close(): Promise<void> {
    const { log, leasesDir, stopWatching } = this.#ports
    this.#isLeaving = true
    stopWatching()
    await Promise.all(this.#turns.values())
    const { leases, problems } = await openLeases(leasesDir)
    for (const lease of leases) {
      try {
        log.info({ runId: lease.runId, evidence: (await healLease(leasesDir, lease, 'injector')).evidence }, 'healed on leaving')
      } catch (error) {
        problems.push(textOf(error))
      }
    }
    for (const problem of problems) log.error({ problem }, 'a lease stays open')
  }

  /** A heal asked for in the middle of an injection comes after it, and never before. */
  #inTurn(target: string, work: () => Promise<void>): void {
    const turn = (this.#turns.get(target) ?? Promise.resolve()).then(work).then(() => {
      if (this.#turns.get(target) === turn) this.#turns.delete(target)
    })
    this.#turns.set(target, turn)
  }

  async #inject(effect: Effect<'inject'>): Promise<InjectorEvent> {
    const { leasesDir, metrics } = this.#ports
    const at = { runId: effect.runId, stage: effect.stage }
    let lease: Lease
    try {
      const leaseId = leaseIdOf(at)
      const path = leasePath(leasesDir, leaseId)
      // The journal knows better than the topic: a fault that was injected once is not injected again.
      if ((await readLease(path)) !== null || (await readEndedLease(leasesDir, leaseId)) !== null)
        return (await this.#lookAtLease(effect)) ?? (await this.#heal(effect))
      lease = await this.#plan(effect)
      if (!(await this.#ports.bus.flush(INTENT_KEPT_WITHIN_MS)))
        throw new AssayError('BUS_UNAVAILABLE', `the intent was not on the results topic within ${INTENT_KEPT_WITHIN_MS} ms`)
      await writeLease(leasesDir, lease)
    } catch (error) {
      return { type: 'no-lease', ...at, detail: `not injected: ${textOf(error)}` }
    }
    try {
      const evidence = await this.#injectUnder(lease)
      metrics.add('assay_faults_injected_total', 1, { fault: lease.fault })
      return { type: 'bitten', ...at, injectedAtMs: lease.injectingAtMs, evidence, detail: `lease ${lease.leaseId}` }
    } catch (error) {
      return this.#end(lease, textOf(error))
    }
  }

  /** Everything that must hold of a target before it is touched; any agent may have accepted the run, by its own topology. */
  async #plan({ runId, stage, fault, target: name, leaseMs, leaseUntilMs }: Effect<'inject'>): Promise<Lease> {
    const target = this.#ports.topology.chaos.targets[name]
    if (target === undefined) throw new AssayError('INPUT_INVALID', `this agent's topology does not opt ${name} in`)
    if (!target.faults.includes(fault))
      throw new AssayError('INPUT_INVALID', `${fault} is not allowed on ${name} (allowed: ${target.faults.join(', ')})`)
    if (leaseMs > target.leaseMsMax)
      throw new AssayError('INPUT_INVALID', `a lease of ${leaseMs} ms is more than the ${target.leaseMsMax} that ${name} allows`)
    const { leases, problems } = await openLeases(this.#ports.leasesDir)
    const refuseIf = (standing: Lease | undefined) => {
      if (standing !== undefined)
        throw new AssayError('LIMIT_REACHED', `${name} is under a fault already, of run ${standing.runId}: one fault a target`)
    }
    refuseIf(leases.find((open) => open.target === name))
    const pinned = await faults[fault].plan(target)
    refuseIf(leases.find((open) => isSameTarget(open.pinned, pinned)))
    if (problems[0] !== undefined) throw new AssayError('INPUT_INVALID', `which faults stand is not known: ${problems[0]}`)
    return {
      leaseId: leaseIdOf({ runId, stage }),
      runId,
      stage,
      fault,
      target: name,
      pinned,
      injectingAtMs: Date.now(),
      leaseMs,
      leaseUntilMs,
    }
  }

  /** Watchdog, injection, evidence. Throws when it did not take hold; then it has to be healed all the same. */
  async #injectUnder(lease: Lease): Promise<string> {
    const path = leasePath(this.#ports.leasesDir, lease.leaseId)
    const fault = faults[lease.fault]
    await startWatchdog(path)
    const assertOpen = async () => {
      if ((await readLease(path)) === null || Date.now() >= lease.leaseUntilMs)
        throw new AssayError('LIMIT_REACHED', `lease ${lease.leaseId} ended before the fault took hold`)
    }
    if (this.#isLeaving) throw new AssayError('LIMIT_REACHED', 'the injector is stopping')
    await assertOpen()
    await fault.inject(lease.pinned)
    for (let attempt = 1; attempt <= BIT_ATTEMPTS_MAX; attempt++) {
      const evidence = await fault.bit(lease.pinned)
      // The watchdog may have ended the lease between the look before and the injection: then nobody would heal but us.
      await assertOpen()
      if (evidence !== null) return evidence
      await sleep(BIT_EVERY_MS)
    }
    throw new AssayError('LIMIT_REACHED', `no sign that it took hold after ${BIT_ATTEMPTS_MAX * BIT_EVERY_MS} ms`)
  }

  /** Null: it could not be looked at, which says nothing of it. */
  async #lookAtLease(at: Effect<'look-at-lease' | 'inject'>): Promise<InjectorEvent | null> {
    try {
      const lease = await readLease(leasePath(this.#ports.leasesDir, leaseIdOf(at)))
      if (lease === null) return await this.#endOf(at)
      const evidence = await faults[lease.fault].bit(lease.pinned)
      if (evidence === null) return await this.#end(lease, 'found open, and without its fault')
      const { runId, stage } = lease
      const detail = `lease ${lease.leaseId}, found standing after a restart of the injector`
      return { type: 'bitten', runId, stage, injectedAtMs: lease.injectingAtMs, evidence, detail }
    } catch (error) {
      this.#ports.log.warn({ err: error, runId: at.runId, stage: at.stage }, 'a lease could not be looked at')
      return null
    }
  }

  async #heal(at: Effect<'heal' | 'inject'>): Promise<InjectorEvent> {
    try {
      const lease = await readLease(leasePath(this.#ports.leasesDir, leaseIdOf(at)))
      return lease === null ? await this.#endOf(at) : await this.#end(lease, '')
    } catch (error) {
      return failed(at, textOf(error))
    }
  }

  /** `why` it is ended before its time; empty for a heal as planned. */
  async #end(lease: Lease, why: string): Promise<InjectorEvent> {
    const because = why === '' ? '' : `${why}; `
    try {
      const { evidence, by, healedAtMs } = await healLease(this.#ports.leasesDir, lease, 'injector')
      return {
        type: 'healed',
        runId: lease.runId,
        stage: lease.stage,
        ok: true,
        healedAtMs,
        detail: `${because}healed by the ${by}: ${evidence}`,
      }
    } catch (error) {
      return failed(lease, `${because}${textOf(error)}`)
    }
  }

  /** What the journal says of a lease that is no longer open. */
  async #endOf({ runId, stage }: { runId: string; stage: string }): Promise<InjectorEvent> {
    const ended = await readEndedLease(this.#ports.leasesDir, leaseIdOf({ runId, stage }))
    if (ended === null) return { type: 'no-lease', runId, stage, detail: `${this.#ports.leasesDir} holds no lease of it, open or ended` }
    return { type: 'healed', runId, stage, ok: true, healedAtMs: ended.healedAtMs, detail: `healed by the ${ended.by}: ${ended.evidence}` }
  }

  async #clearLeases({ runId, stage }: Effect<'clear-leases'>): Promise<InjectorEvent> {
    const { leasesDir } = this.#ports
    await Promise.all(this.#turns.values())
    try {
      const { leases, problems } = await openLeases(leasesDir)
      const done: string[] = []
      for (const lease of leases.filter((open) => open.runId === runId)) {
        try {
          done.push(`${lease.fault} of ${lease.target}: ${(await healLease(leasesDir, lease, 'injector')).evidence}`)
        } catch (error) {
          problems.push(textOf(error))
        }
      }
      const detail = [...problems, ...done].join('; ') || 'no fault stands'
      return { type: 'leases-cleared', runId, stage, ok: problems.length === 0, detail }
    } catch (error) {
      return { type: 'leases-cleared', runId, stage, ok: false, detail: textOf(error) }
    }
  }
}

const failed = ({ runId, stage }: { runId: string; stage: string }, detail: string): InjectorEvent => ({
  type: 'healed',
  runId,
  stage,
  ok: false,
  healedAtMs: Date.now(),
  detail,
})

const textOf = (error: unknown) => (error instanceof Error ? error.message : String(error))

import { spawn } from 'node:child_process'
import { join } from 'node:path'
import type { Shell } from '../../shared/runtime/agent-loop.ts'
import type { Log } from '../../shared/runtime/log.ts'
import type { Metrics } from '../../shared/runtime/metrics.ts'
import type { Topology } from '../../topology/topology.ts'
import type { InjectorEffect, InjectorEvent } from './core.ts'
import { faults } from './faults/faults.ts'
import { healLease, leaseIdOf, leasePath, openLeases, readLease, writeLease, type Lease } from './lease.ts'

export interface InjectorPorts {
  readonly topology: Topology
  readonly leasesDir: string
  readonly log: Log
  readonly metrics: Metrics
}

type Send = (event: InjectorEvent) => void
type Effect<Type extends InjectorEffect['type']> = Extract<InjectorEffect, { type: Type }>

const BIT_ATTEMPTS_MAX = 20
const BIT_EVERY_MS = 100
const WATCHDOG = join(import.meta.dirname, 'watchdog.ts')

/** Injects and heals under leases; decides nothing. */
export class InjectorShell implements Shell<InjectorEvent, InjectorEffect> {
  readonly #ports: InjectorPorts

  constructor(ports: InjectorPorts) {
    this.#ports = ports
  }

  perform(effect: InjectorEffect, send: Send): void {
    switch (effect.type) {
      case 'inject':
        void this.#inject(effect, send)
        return
      case 'heal':
        void this.#heal(effect, send)
        return
      case 'look-at-lease':
        void this.#lookAtLease(effect, send)
        return
      case 'clear-leases':
        void this.#clearLeases(effect, send)
        return
      case 'publish':
      case 'request':
        return
      default:
        effect satisfies never
    }
  }

  /** A graceful stop leaves no fault behind. */
  async close(): Promise<void> {
    const { leasesDir, log } = this.#ports
    for (const lease of await openLeases(leasesDir))
      log.info({ runId: lease.runId, evidence: await healLease(leasesDir, lease) }, 'healed on leaving')
  }

  async #inject({ runId, stage, fault: name, target: targetName, leaseUntilMs }: Effect<'inject'>, send: Send): Promise<void> {
    const { leasesDir, metrics } = this.#ports
    const fault = faults[name]
    let lease: Lease | null = null
    try {
      const target = this.#ports.topology.chaos.targets[targetName]
      if (target === undefined) throw new Error(`this agent's topology does not opt ${targetName} in`)
      const standing = (await openLeases(leasesDir)).find((open) => open.target === targetName)
      if (standing !== undefined) throw new Error(`${targetName} is under a fault already, of run ${standing.runId}`)
      lease = {
        leaseId: leaseIdOf({ runId, stage }),
        runId,
        stage,
        fault: name,
        target: targetName,
        pinned: await fault.plan(target),
        leaseUntilMs,
      }
      const path = await writeLease(leasesDir, lease)
      startWatchdog(path)
      await fault.inject(lease.pinned)
      metrics.add('assay_faults_injected_total', 1, { fault: name })
      for (let attempt = 1; attempt <= BIT_ATTEMPTS_MAX; attempt++) {
        const evidence = await fault.bit(lease.pinned)
        if (evidence !== null) {
          send({ type: 'injected', runId, stage, evidence, detail: `lease ${lease.leaseId}` })
          return
        }
        await new Promise((resolve) => setTimeout(resolve, BIT_EVERY_MS))
      }
      throw new Error(`no sign of it after ${BIT_ATTEMPTS_MAX * BIT_EVERY_MS} ms`)
    } catch (error) {
      if (lease !== null) await this.#healQuietly(lease)
      send({ type: 'injected', runId, stage, evidence: null, detail: error instanceof Error ? error.message : String(error) })
    }
  }

  async #healQuietly(lease: Lease): Promise<void> {
    try {
      await healLease(this.#ports.leasesDir, lease)
    } catch (error) {
      // The lease stays, and the watchdog with it.
      this.#ports.log.error({ runId: lease.runId, err: error }, 'a fault that did not take hold could not be healed')
    }
  }

  async #heal({ runId, stage }: Effect<'heal'>, send: Send): Promise<void> {
    const { leasesDir } = this.#ports
    try {
      const lease = await readLease(leasePath(leasesDir, leaseIdOf({ runId, stage })))
      // Gone: the watchdog was first, and verified it.
      const detail = lease === null ? 'healed by the watchdog when its lease ended' : await healLease(leasesDir, lease)
      send({ type: 'healed', runId, stage, ok: true, detail })
    } catch (error) {
      send({ type: 'healed', runId, stage, ok: false, detail: error instanceof Error ? error.message : String(error) })
    }
  }

  async #lookAtLease({ runId, stage }: Effect<'look-at-lease'>, send: Send): Promise<void> {
    try {
      const lease = await readLease(leasePath(this.#ports.leasesDir, leaseIdOf({ runId, stage })))
      const evidence = lease === null ? null : await faults[lease.fault].bit(lease.pinned)
      if (lease !== null && evidence === null) await this.#healQuietly(lease)
      send({ type: 'lease-seen', runId, stage, open: lease !== null, evidence })
    } catch (error) {
      this.#ports.log.error({ runId, err: error }, 'the lease cannot be read')
    }
  }

  async #clearLeases({ runId, stage }: Effect<'clear-leases'>, send: Send): Promise<void> {
    const { leasesDir } = this.#ports
    try {
      const done: string[] = []
      for (const lease of (await openLeases(leasesDir)).filter((open) => open.runId === runId)) done.push(await healLease(leasesDir, lease))
      send({ type: 'leases-cleared', runId, stage, ok: true, detail: done.length === 0 ? 'no fault stands' : done.join('; ') })
    } catch (error) {
      send({ type: 'leases-cleared', runId, stage, ok: false, detail: error instanceof Error ? error.message : String(error) })
    }
  }
}

/** In a session of its own: a signal to the injector's group does not reach it. */
function startWatchdog(path: string): void {
  const child = spawn(process.execPath, [WATCHDOG, path], { detached: true, stdio: 'ignore' })
  child.unref()
}

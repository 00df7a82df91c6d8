import type { ChaosTarget, ContainerTarget, ProcessTarget } from '../../../topology/topology.ts'

/** What a fault acts on, pinned when the lease is written: never a stranger that took over a pid or a name. */
export type PinnedTarget = PinnedProcess | PinnedContainer

export interface PinnedProcess {
  readonly pid: number
  /** Start time of the process in clock ticks since boot, from /proc: with the pid it names one process for ever. */
  readonly startTicks: string
}

export interface PinnedContainer {
  /** Base URL of the engine's API. */
  readonly api: string
  readonly containerId: string
  /** When the container was last started: one that was restarted is not under the fault any more. */
  readonly startedAt: string
}

/** A disturbance. The type makes the heal part of it. All are idempotent, and throw with the reason when they cannot be done. */
export interface FaultOf<Target, Pinned> {
  plan(target: Target): Promise<Pinned>
  inject(pinned: Pinned): Promise<void>
  /** Evidence that the fault took hold; null when it did not. */
  bit(pinned: Pinned): Promise<string | null>
  heal(pinned: Pinned): Promise<void>
  /** Evidence that it is gone; null while it is not. */
  healed(pinned: Pinned): Promise<string | null>
}

export type Fault = FaultOf<ChaosTarget, PinnedTarget>
export type ProcessFault = FaultOf<ProcessTarget, PinnedProcess>
export type ContainerFault = FaultOf<ContainerTarget, PinnedContainer>

export const isContainer = (pinned: PinnedTarget): pinned is PinnedContainer => 'containerId' in pinned

/** Two names may stand for one process or container. */
export function isSameTarget(one: PinnedTarget, other: PinnedTarget): boolean {
  if (isContainer(one)) return isContainer(other) && one.containerId === other.containerId
  return !isContainer(other) && one.pid === other.pid
}

/** One fault, done to a process or to a container. */
export const byDriver = (drivers: { readonly process: ProcessFault; readonly docker: ContainerFault }): Fault => ({
  plan: (target) => (target.driver === 'docker' ? drivers.docker.plan(target) : drivers.process.plan(target)),
  inject: (pinned) => (isContainer(pinned) ? drivers.docker.inject(pinned) : drivers.process.inject(pinned)),
  bit: (pinned) => (isContainer(pinned) ? drivers.docker.bit(pinned) : drivers.process.bit(pinned)),
  heal: (pinned) => (isContainer(pinned) ? drivers.docker.heal(pinned) : drivers.process.heal(pinned)),
  healed: (pinned) => (isContainer(pinned) ? drivers.docker.healed(pinned) : drivers.process.healed(pinned)),
})

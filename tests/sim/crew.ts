import type { AgentName } from '../../shared/core/agent.ts'
import type { Prng } from '../../shared/core/prng.ts'
import { createSimGroup } from '../../shared/sim/group.ts'
import { createProcess, type SimAgent, type World } from './host.ts'

/** Several instances of one agent. */
export interface Crew {
  readonly agent: AgentName
  readonly size: number
  /** They never hear of each other, and each does all. */
  readonly isApart?: boolean
}

type Process = ReturnType<typeof createProcess>

/** The first begins with the others' agents; the rest come, leave, are killed and come back whenever the seed says so. */
export function startCrew<Event extends { readonly type: string }, Effect extends { readonly type: string }>(
  world: World,
  agent: SimAgent<Event, Effect>,
  { size, isApart = false }: Crew,
): void {
  const { clock, prng } = world
  const draw = prng.stream('crew')
  const group = isApart ? null : createSimGroup(clock, prng.stream('group'))
  for (let index = 0; index < size; index++) {
    const process = createProcess(world, agent, { instance: String(index), group })
    const startAtMs = index === 0 || isApart ? draw.below(1_500) : draw.below(9_000)
    clock.later(startAtMs, process.start)
    if (draw.chance(1, 2)) comeAndGo(world, { process, draw, startAtMs })
  }
}

function comeAndGo({ clock }: World, { process, draw, startAtMs }: { process: Process; draw: Prng; startAtMs: number }): void {
  const endAtMs = startAtMs + 1_500 + draw.below(9_000)
  clock.later(endAtMs, draw.chance(1, 2) ? process.kill : process.stop)
  clock.later(endAtMs + 200 + draw.below(6_000), process.start)
}

import { setTimeout as sleep } from 'node:timers/promises'
import { shareGroup } from '../../shared/runtime/kafka-shares.ts'
import { asAdmin } from './flow.ts'
import type { Pipeline } from './pipeline.ts'
import { insist } from './wait.ts'

/** Until each has heard what Kafka has dealt it. */
const DEALT_MS = 1_000

/** A second instance of each of these agents, once the two know of each other and share the work. */
export async function joinedBySeconds(pipeline: Pipeline, agents: readonly string[]): Promise<void> {
  await Promise.all(agents.map((agent) => pipeline.startSecond(agent)))
  const resultsTopic = pipeline.environment['ASSAY_RESULTS_TOPIC'] ?? ''
  const wanted = agents.map((agent) => shareGroup({ clientId: `assay.${agent}` }, resultsTopic))
  await asAdmin({ pipeline }, (admin) =>
    insist(async () => {
      const { groups } = await admin.describeGroups(wanted)
      const apart = groups.filter(({ state, members }) => state !== 'Stable' || members.length !== 2)
      if (groups.length < wanted.length || apart.length > 0)
        throw new Error(
          `not shared by two: ${apart.map(({ groupId, state, members }) => `${groupId} ${state} ${members.length}`).join(', ')}`,
        )
    }),
  )
  await sleep(DEALT_MS)
}

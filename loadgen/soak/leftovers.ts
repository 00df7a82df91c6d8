import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pidsMarked } from '../../compose/local/process-identity.ts'
import { connectKafka } from '../../shared/runtime/kafka.ts'

/** What agents must not leave when they have ended, each by name. */
export interface Leftovers {
  readonly processes: readonly string[]
  readonly files: readonly string[]
  /** Consumer groups that still have members: connections that somebody keeps. Empty ones the broker forgets by itself. */
  readonly groups: readonly string[]
}

export async function leftoversOf({ stateDir, brokers }: { stateDir: string; brokers: readonly string[] }): Promise<Leftovers> {
  const [processes, files, groups] = await Promise.all([agentsOf(stateDir), scratchFiles(stateDir), groupsWithMembers(brokers)])
  return { processes, files, groups }
}

/** Processes of agents whose state is kept there. */
async function agentsOf(stateDir: string): Promise<string[]> {
  const pids = await pidsMarked(`ASSAY_STATE_DIR=${stateDir}`)
  const commands = await Promise.all(
    pids.map(async (pid) => {
      // One that has ended meanwhile is none.
      const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
      return `${pid}: ${command.replaceAll('\0', ' ')}`
    }),
  )
  return commands.filter((command) => command.includes('agents/'))
}

/** What is spilled or fetched to be read, and nothing that is to be kept. */
async function scratchFiles(stateDir: string): Promise<string[]> {
  const found = await Promise.all(
    ['engine', 'reconciler'].map(async (name) => {
      const entries = await readdir(join(stateDir, name), { recursive: true, withFileTypes: true }).catch(() => [])
      return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
    }),
  )
  return found.flat()
}

async function groupsWithMembers(brokers: readonly string[]): Promise<string[]> {
  const admin = connectKafka({ brokers: [...brokers], clientId: 'assay.soak' }).client.admin()
  await admin.connect()
  try {
    const { groups } = await admin.listGroups()
    const ids = groups.map(({ groupId }) => groupId).filter((id) => id.startsWith('assay.'))
    const described = ids.length === 0 ? [] : (await admin.describeGroups(ids)).groups
    return described.filter(({ members }) => members.length > 0).map(({ groupId }) => groupId)
  } finally {
    await admin.disconnect()
  }
}

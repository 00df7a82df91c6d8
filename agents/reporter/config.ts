import { join } from 'node:path'
import type { AgentConfig } from '../../shared/runtime/config.ts'

/** Where reports lie: one folder a run. */
export const reportsDirOf = (config: Pick<AgentConfig, 'stateDir'>) => join(config.stateDir, 'reports')

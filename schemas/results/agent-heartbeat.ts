import { z } from 'zod'
import { remark } from '../parts.ts'

export const agentHeartbeat = remark('agent-heartbeat', {
  startedAtMs: z.int(),
  version: z.string(),
  residentBytes: z.int(),
}).describe('An agent is alive.')

import { z } from 'zod'
import { runCancelled } from './control/run-cancelled.ts'
import { runRequested } from './control/run-requested.ts'

/** Everything that may travel on the control topic. */
export const controlMessages = [runRequested, runCancelled] as const
export const controlMessage = z.discriminatedUnion('kind', controlMessages)
export type ControlMessage = z.infer<typeof controlMessage>
export type RunRequested = z.infer<typeof runRequested>
export type RunCancelled = z.infer<typeof runCancelled>

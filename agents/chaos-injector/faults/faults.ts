import type { Fault } from './fault.ts'
import { pause } from './pause.ts'

/** Every fault there is. A new one is a row here and a file beside. */
export const faults = { pause } as const satisfies Record<string, Fault>
export type FaultName = keyof typeof faults

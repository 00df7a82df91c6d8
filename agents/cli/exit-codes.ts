import type { Verdict } from '../../schemas/parts.ts'
import { AssayError } from '../../shared/core/errors.ts'

/** How a command ends, for scripts: the three verdicts, and the numbers of BSD's sysexits.h for the rest. */
export const exitCodes = {
  pass: { code: 0, meaning: 'the verdict is pass, or the command did what it was asked' },
  fail: { code: 1, meaning: 'the verdict is fail' },
  inconclusive: { code: 2, meaning: 'the verdict is inconclusive: evidence is missing' },
  badInput: { code: 64, meaning: 'bad arguments, plan, topology, settings or request' },
  unreachable: { code: 69, meaning: 'Kafka cannot be reached' },
  ourBug: { code: 70, meaning: 'a bug in Assay' },
} as const

export type ExitName = keyof typeof exitCodes

export const exitCodeOfVerdict = (verdict: Verdict): number => exitCodes[verdict].code

export function exitCodeOfError(error: unknown): number {
  if (!(error instanceof AssayError)) return exitCodes.ourBug.code
  switch (error.code) {
    case 'INPUT_INVALID':
    case 'CONFIG_INVALID':
      return exitCodes.badInput.code
    case 'BUS_UNAVAILABLE':
    case 'PIPELINE_KAFKA_UNAVAILABLE':
      return exitCodes.unreachable.code
    default:
      return exitCodes.ourBug.code
  }
}

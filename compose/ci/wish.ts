import { z } from 'zod'
import { AssayError } from '../../shared/core/errors.ts'

/** What a CI job asks for: the inputs of the action, as its steps pass them on. */
export interface CiWish {
  readonly plan: string
  /** `name=value` each. */
  readonly parameters: readonly string[]
  readonly startStack: boolean
  readonly bootstrapServers: string | null
  readonly registryUrl: string | null
  readonly reporterUrl: string | null
  readonly waitSeconds: number | null
  readonly reportDir: string
}

const inputs = z.object({
  ASSAY_CI_PLAN: z.string().default('smoke'),
  ASSAY_CI_PARAMETERS: z
    .string()
    .default('')
    .transform((text) =>
      text
        .split('\n')
        .map((line) => line.trim())
        .filter((line) => line !== ''),
    )
    .pipe(z.array(z.string().regex(/^[^=\s]+=/, 'expected name=value on each line'))),
  ASSAY_CI_START_STACK: z.enum(['true', 'false']).default('false'),
  ASSAY_CI_BOOTSTRAP_SERVERS: z.string().nullable().default(null),
  ASSAY_CI_REGISTRY_URL: z.url().nullable().default(null),
  ASSAY_CI_REPORTER_URL: z.url().nullable().default(null),
  ASSAY_CI_WAIT_SECONDS: z.coerce.number().positive().nullable().default(null),
  ASSAY_CI_REPORT_DIR: z.string().default('assay-report'),
})

/** An input left empty is one left out. Throws INPUT_INVALID with the input's name. */
export function wishOf(environment: Readonly<Record<string, string | undefined>>): CiWish {
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== undefined && value.trim() !== ''))
  const parsed = inputs.safeParse(given)
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path, message }) => `${inputNameOf(String(path[0]))}: ${message}`)
    throw new AssayError('INPUT_INVALID', `inputs of the action: ${problems.join('; ')}`)
  }
  const input = parsed.data
  const startStack = input.ASSAY_CI_START_STACK === 'true'
  if (startStack === (input.ASSAY_CI_BOOTSTRAP_SERVERS !== null))
    throw new AssayError(
      'INPUT_INVALID',
      'inputs of the action: expected either start-stack: true or bootstrap-servers, ' + (startStack ? 'got both' : 'got neither'),
    )
  return {
    plan: input.ASSAY_CI_PLAN,
    parameters: input.ASSAY_CI_PARAMETERS,
    startStack,
    bootstrapServers: input.ASSAY_CI_BOOTSTRAP_SERVERS,
    registryUrl: input.ASSAY_CI_REGISTRY_URL,
    reporterUrl: input.ASSAY_CI_REPORTER_URL,
    waitSeconds: input.ASSAY_CI_WAIT_SECONDS,
    reportDir: input.ASSAY_CI_REPORT_DIR,
  }
}

const inputNameOf = (variable: string) => variable.replace('ASSAY_CI_', '').toLowerCase().replaceAll('_', '-')

/** Arguments of `assay`. */
export const assayArguments = ({ plan, parameters, waitSeconds }: CiWish): string[] => [
  'run',
  plan,
  '--wait',
  '--json',
  ...parameters.flatMap((parameter) => ['--param', parameter]),
  ...(waitSeconds === null ? [] : ['--timeout', String(waitSeconds)]),
]

/** Environment of `assay` where a running pipeline is reached. */
export const reachEnvironment = ({ bootstrapServers, registryUrl }: CiWish): Record<string, string> => ({
  ...(bootstrapServers === null ? {} : { ASSAY_KAFKA_BOOTSTRAP: bootstrapServers }),
  ...(registryUrl === null ? {} : { PIPELINE_REGISTRY_URL: registryUrl }),
})

import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'

/** GitHub's metadata of a composite action and its workflow syntax, as documented, as far as ours may use them. */
const scalar = z.union([z.string(), z.number(), z.boolean()])
const env = z.record(z.string(), scalar)
/** By major version, and from GitHub itself; the example publishes JUnit by the one action of others, since GitHub has none for it. */
const uses = z.string().regex(/^(actions\/(checkout|setup-node|upload-artifact)@v\d+|mikepenz\/action-junit-report@v\d+|\.\/[\w./-]+)$/)
const stepCommon = {
  id: z
    .string()
    .regex(/^[a-zA-Z_][\w-]*$/)
    .optional(),
  if: scalar.optional(),
  name: z.string().optional(),
  env: env.optional(),
  'continue-on-error': scalar.optional(),
}
const usingStep = z.strictObject({ ...stepCommon, uses, with: env.optional() })
const shell = z.enum(['bash', 'pwsh', 'python', 'sh', 'cmd', 'powershell'])
/** In a composite action the shell must be named. */
const actionRunStep = z.strictObject({ ...stepCommon, run: z.string().min(1), shell, 'working-directory': z.string().optional() })
const inputId = z.string().regex(/^[a-zA-Z_][\w-]*$/)

const actionSchema = z.strictObject({
  name: z.string().min(1),
  author: z.string().optional(),
  description: z.string().min(1),
  inputs: z.record(
    inputId,
    z.strictObject({
      description: z.string().min(1),
      required: z.boolean().optional(),
      default: z.string().optional(),
      deprecationMessage: z.string().optional(),
    }),
  ),
  outputs: z.record(inputId, z.strictObject({ description: z.string().min(1), value: z.string().min(1) })),
  runs: z.strictObject({ using: z.literal('composite'), steps: z.array(z.union([actionRunStep, usingStep])).min(1) }),
  branding: z
    .strictObject({
      icon: z.string().min(1),
      color: z.enum(['white', 'black', 'yellow', 'blue', 'green', 'orange', 'red', 'purple', 'gray-dark']),
    })
    .optional(),
})

const branches = z.strictObject({ branches: z.array(z.string()).optional(), paths: z.array(z.string()).optional() }).nullable()
const dispatchInput = z.strictObject({
  description: z.string().optional(),
  required: z.boolean().optional(),
  type: z.enum(['string', 'choice', 'boolean', 'number', 'environment']).optional(),
  default: scalar.optional(),
  options: z.array(z.string()).optional(),
})
const access = z.enum(['read', 'write', 'none'])
const job = z.strictObject({
  name: z.string().optional(),
  'runs-on': z.string(),
  needs: z.union([z.string(), z.array(z.string())]).optional(),
  if: scalar.optional(),
  permissions: z.record(z.string(), access).optional(),
  env: env.optional(),
  'timeout-minutes': z.number().positive(),
  steps: z
    .array(
      z.union([
        z.strictObject({ ...stepCommon, run: z.string(), shell: shell.optional(), 'working-directory': z.string().optional() }),
        usingStep,
      ]),
    )
    .min(1),
})
const workflowSchema = z.strictObject({
  name: z.string().optional(),
  'run-name': z.string().optional(),
  on: z.strictObject({
    push: branches.optional(),
    pull_request: branches.optional(),
    workflow_dispatch: z
      .strictObject({ inputs: z.record(inputId, dispatchInput).optional() })
      .nullable()
      .optional(),
  }),
  permissions: z.record(z.string(), access),
  concurrency: z.strictObject({ group: z.string(), 'cancel-in-progress': z.boolean().optional() }).optional(),
  env: env.optional(),
  jobs: z.record(inputId, job),
})

const ROOT = resolve(import.meta.dirname, '../..')
export const ACTION_DIR = resolve(ROOT, '.github/actions/assay-run')
const read = (path: string): unknown => parse(readFileSync(resolve(ROOT, path), 'utf8'))

export const readAction = () => actionSchema.parse(read('.github/actions/assay-run/action.yml'))
export const readWorkflow = () => workflowSchema.parse(read('.github/workflows/assay.yml'))
/** For showing that the schemas refuse something. */
export const schemas = { actionSchema, workflowSchema }

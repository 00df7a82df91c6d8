import { z } from 'zod'

/** What one run does. Text values may hold `{{name}}` references to the plan's parameters. */
export const faultKinds = ['pause'] as const

const milliseconds = z.int().positive()
const stageName = z.string().regex(/^[a-z][a-z0-9-]*$/, 'a lower-case name such as produce or pause-sink')

const stageCommon = {
  stage: stageName,
  needs: z.array(stageName).default([]).describe('Stages that must have ended well.'),
  needsStarted: z.array(stageName).default([]).describe('Stages that must have started.'),
  always: z
    .boolean()
    .default(false)
    .describe('Clean-up: runs after failure and cancellation too, once what it needs has ended in whatever way.'),
  timeoutMs: milliseconds.default(120_000),
}

export const stageSchema = z.discriminatedUnion('task', [
  z.strictObject({ task: z.literal('produce'), ...stageCommon }).describe('generator: writes the canaries.'),
  z.strictObject({ task: z.literal('sight-topics'), ...stageCommon }).describe('ingestion-checker: follows every topic hop.'),
  z.strictObject({ task: z.literal('reconcile-table'), ...stageCommon }).describe('storage-reconciler: follows the table hop.'),
  z
    .strictObject({ task: z.literal('probe-api'), ...stageCommon, requestsPerSecond: z.number().positive().max(1000).default(20) })
    .describe('query-prober: asks every api hop.'),
  z
    .strictObject({
      task: z.literal('inject-fault'),
      ...stageCommon,
      target: z.string(),
      fault: z.enum(faultKinds),
      afterMs: z.int().nonnegative().default(0).describe('From the start of the stage.'),
      durationMs: milliseconds,
      leaseMs: milliseconds.describe('The fault ends by then whatever happens to its injector.'),
      recoverWithinMs: milliseconds.describe('From healed to caught up.'),
    })
    .describe('chaos-injector: one disturbance under a lease.'),
  z.strictObject({ task: z.literal('heal'), ...stageCommon }).describe('chaos-injector: verifies that no fault of the run is left.'),
  z
    .strictObject({ task: z.literal('clean-up'), ...stageCommon })
    .describe('storage-reconciler: deletes the rows that the run wrote from every table that allows it, and verifies that none is left.'),
  z
    .strictObject({
      task: z.literal('audit-topics'),
      ...stageCommon,
      windowOffsets: z.int().min(100).max(1_000_000).default(100_000).describe('At most so many offsets of a partition are one window.'),
      windowMs: z
        .int()
        .min(1_000)
        .max(86_400_000)
        .multipleOf(1_000)
        .default(10_000)
        .describe('Of tables without stored offsets: windows of event time are so long.'),
    })
    .describe('ingestion-checker: fingerprints of all records, canaries or not, of the topics that tables are written from.'),
  z
    .strictObject({ task: z.literal('audit-tables'), ...stageCommon })
    .describe('storage-reconciler: fingerprints of all rows by their stored offsets, and the records in which the two differ.'),
])
export type Stage = z.infer<typeof stageSchema>
export type StageTask = Stage['task']

export const agentOfTask = {
  produce: 'generator',
  'sight-topics': 'ingestion-checker',
  'reconcile-table': 'storage-reconciler',
  'probe-api': 'query-prober',
  'inject-fault': 'chaos-injector',
  heal: 'chaos-injector',
  'clean-up': 'storage-reconciler',
  'audit-topics': 'ingestion-checker',
  'audit-tables': 'storage-reconciler',
} as const satisfies Record<StageTask, string>

/** How a canary of the mirror stream may differ, on purpose, from what the watchers expect. */
export const mirrorDefects = ['skipped', 'doubled', 'changed', 'delayed', 'swapped', 'headerless'] as const
export type MirrorDefect = (typeof mirrorDefects)[number]

export const mirrorSchema = z.strictObject({
  each: z.int().positive().max(50).default(2).describe('How often each defect is planted, spread over the run.'),
  defects: z
    .array(z.enum(mirrorDefects))
    .min(1)
    .default([...mirrorDefects])
    .describe('Leave out what the pipeline makes good itself: where it drops repeats, `doubled` shows nowhere behind.'),
})
export type Mirror = z.infer<typeof mirrorSchema>

export const loadSchema = z.strictObject({
  canaries: z.int().positive().max(1_000_000_000),
  ratePerSecond: z.number().positive().max(1_000_000),
  streams: z.int().positive().max(1024).default(8),
  edgeValuesEvery: z
    .int()
    .nonnegative()
    .default(50)
    .describe('Every n-th canary of a stream carries an edge value in one field; 0 for none.'),
  mirror: mirrorSchema
    .optional()
    .describe(
      'Plants known defects on one more stream, which counts nowhere else: the run is inconclusive where a watcher does not report one.',
    ),
})
export type Load = z.infer<typeof loadSchema>

export const budgetsSchema = z.strictObject({
  fidelity: z.number().min(0).max(1).default(0.9999),
  apiP95Ms: z.number().positive().nullable().default(null),
})
export type Budgets = z.infer<typeof budgetsSchema>

export const planSchema = z
  .strictObject({
    version: z.literal(1),
    name: z.string().min(1),
    description: z.string().default(''),
    parameters: z
      .record(z.string(), z.union([z.string(), z.number()]).transform(String))
      .default({})
      .describe('Names and default values.'),
    exclusive: z.boolean().default(false).describe('Waits until no other run is under way, and holds others back.'),
    repeatEveryMs: milliseconds.nullable().default(null).describe('A run each so often, for ever, until cancelled.'),
    traceEvery: z.int().positive().default(1000).describe('One canary in so many is traced; every bad one is.'),
    timeoutMs: milliseconds.default(300_000),
    load: loadSchema,
    budgets: budgetsSchema.prefault({}),
    stages: z.array(stageSchema).min(1),
  })
  .superRefine((plan, context) => {
    const names = plan.stages.map((stage) => stage.stage)
    for (const [index, stage] of plan.stages.entries()) {
      const issue = (message: string) => {
        context.addIssue({ code: 'custom', path: ['stages', index], message })
      }
      if (names.indexOf(stage.stage) !== index) issue(`stage ${stage.stage} is there twice`)
      for (const need of [...stage.needs, ...stage.needsStarted]) {
        if (!names.includes(need)) issue(`stage ${stage.stage} needs ${need}, which is not a stage of this plan (${names.join(', ')})`)
      }
    }
    // Whoever follows the table of another run at the time would meet a snapshot that deletes rows.
    if (!plan.exclusive && plan.stages.some(({ task }) => task === 'clean-up'))
      context.addIssue({ code: 'custom', path: ['exclusive'], message: 'a plan that cleans up deletes rows: it must be exclusive' })
    for (const message of auditProblems(plan.stages)) context.addIssue({ code: 'custom', path: ['stages'], message })
    const circle = circleOf(plan.stages)
    if (circle !== null)
      context.addIssue({ code: 'custom', path: ['stages'], message: `stages wait for each other in a circle: ${circle.join(' → ')}` })
  })
export type Plan = z.infer<typeof planSchema>

/** A circle of needs, or null. */
export function circleOf(stages: readonly Pick<Stage, 'stage' | 'needs' | 'needsStarted'>[]): string[] | null {
  const needsOf = new Map(stages.map((stage) => [stage.stage, [...stage.needs, ...stage.needsStarted]]))
  const clear = new Set<string>()
  const visit = (name: string, path: string[]): string[] | null => {
    if (path.includes(name)) return [...path.slice(path.indexOf(name)), name]
    if (clear.has(name)) return null
    for (const need of needsOf.get(name) ?? []) {
      const circle = visit(need, [...path, name])
      if (circle !== null) return circle
    }
    clear.add(name)
    return null
  }
  for (const { stage } of stages) {
    const circle = visit(stage, [])
    if (circle !== null) return circle
  }
  return null
}

/** What an audit needs: both sides, the table's beginning known before the topic's, and rows that nobody takes away meanwhile. */
function auditProblems(stages: readonly Stage[]): string[] {
  const topics = stages.filter(({ task }) => task === 'audit-topics')
  const tables = stages.filter(({ task }) => task === 'audit-tables')
  if (topics.length === 0 && tables.length === 0) return []
  if (topics.length !== 1 || tables.length !== 1) return ['an audit is one stage audit-topics and one stage audit-tables']
  const [topic, table] = [topics[0] as Stage, tables[0] as Stage]
  const problems: string[] = []
  if (!topic.needsStarted.includes(table.stage))
    problems.push(
      `stage ${topic.stage} must have ${table.stage} in needsStarted: no row of what it audits may be older than the table's beginning`,
    )
  for (const { stage, task, needs } of stages)
    if (task === 'clean-up' && !needs.includes(table.stage))
      problems.push(`stage ${stage} must need ${table.stage}: it deletes rows that are audited`)
  return problems
}

import { z } from 'zod'

/** The parts of the Compose specification that are used here, strictly: https://github.com/compose-spec/compose-spec/blob/main/spec.md */
const text = z.string().min(1)
const duration = z.string().regex(/^\d+(s|m)$/)
const bytes = z.string().regex(/^\d+(m|g)$/)
const condition = z.enum(['service_started', 'service_healthy', 'service_completed_successfully'])

const healthcheck = z.union([
  z.strictObject({ disable: z.literal(true) }),
  z.strictObject({
    test: z.tuple([z.literal('CMD')], text),
    interval: duration,
    timeout: duration,
    start_period: duration,
    retries: z.int().positive(),
  }),
])

const service = z.strictObject({
  image: text,
  build: z.strictObject({ context: text, dockerfile: text, target: text.optional(), args: z.record(z.string(), z.string()) }).optional(),
  pull_policy: z.literal('never').optional(),
  profiles: z.array(text).min(1),
  entrypoint: z.array(text).optional(),
  command: z.array(text).optional(),
  user: z
    .string()
    .regex(/^\d+:\d+$/)
    .optional(),
  environment: z.record(z.string().regex(/^[A-Z][A-Za-z0-9_]*$/), z.string()).optional(),
  ports: z.array(text).optional(),
  networks: z.array(text).min(1),
  volumes: z.array(text).optional(),
  tmpfs: z.array(text).min(1),
  depends_on: z.record(z.string(), z.strictObject({ condition, required: z.boolean() })).optional(),
  healthcheck: healthcheck.optional(),
  labels: z.record(z.string(), z.string()).optional(),
  stop_grace_period: duration.optional(),
  restart: z.enum(['unless-stopped', 'on-failure:10']),
  init: z.literal(true),
  read_only: z.literal(true),
  security_opt: z.tuple([z.literal('no-new-privileges:true')]),
  cap_drop: z.tuple([z.literal('ALL')]),
  logging: z.strictObject({ driver: z.literal('json-file'), options: z.strictObject({ 'max-size': bytes, 'max-file': text }) }),
  deploy: z.strictObject({
    resources: z.strictObject({
      limits: z.strictObject({ memory: bytes, cpus: z.string().regex(/^\d(\.\d)?$/), pids: z.int().positive() }),
    }),
  }),
})

export const composeSpec = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9_-]*$/),
  'x-logging': z.unknown(),
  'x-agent-environment': z.unknown(),
  services: z.record(z.string(), service),
  networks: z.record(z.string(), z.strictObject({ internal: z.boolean().optional() })),
  volumes: z.record(z.string(), z.strictObject({})),
})
export type ComposedService = z.infer<typeof service>

/** Where each service of the pipeline that speaks HTTP says that it is well, in the local stack and in Compose. */
export const healthPaths = {
  registry: '/apis/ccompat/v7/subjects',
  catalog: '/v1/config',
  connect: '/connectors',
  nats: '/healthz',
  gateway: '/health',
  api: '/health',
} as const

/** The tables behind tidy-rules.ts. An exception stands here by name, with its reason. */

export const bannedPaths: readonly (readonly [pattern: RegExp, instead: string])[] = [
  [/(^|\/)(utils?|helpers?|common|misc)(\/|\.ts$|\.test\.ts$)/, 'name it after what it holds (prng.ts, verdict.ts)'],
  [/(^|[/-])(manager|service|factory|handler|processor|wrapper)(\.test)?\.ts$/i, 'name it after the thing it decides or holds'],
]

/** Where a rule of source-text.ts does not hold, and why. */
export const allowances: readonly { readonly rule: string; readonly where: RegExp; readonly why: string }[] = [
  {
    rule: 'environment',
    where: /^shared\/runtime\/config\.ts$|^compose\/reference\/config\.ts$/,
    why: 'the one place where settings are read',
  },
  {
    rule: 'environment',
    where: /^agents\/cli\/(audit|topics|two-topics|validate)\.ts$/,
    why: 'the command line reads settings itself, and passes them on',
  },
  {
    rule: 'environment',
    where: /^compose\/local\/(stack|supervision|demo-run|agents|tools|debian|go)\.ts$|^shared\/runtime\/heap-limit\.ts$/,
    why: 'children get the environment of whoever starts them, and it says where the cache is',
  },
  {
    rule: 'environment',
    where: /^compose\/docker\/(engine|runtime\/prepare|stand-ins\/make|e2e)\.ts$/,
    why: 'programs of their own: a container is configured by it, the cache is found by it',
  },
  { rule: 'environment', where: /^compose\/ci\/main\.ts$/, why: 'the inputs of the action come by it' },
  {
    rule: 'environment',
    where: /(\.test|\.fixture)\.ts$|^tests\/|^loadgen\/(bench|soak)\//,
    why: 'tests and benchmarks are told by it how long to run',
  },
  {
    rule: 'clock',
    where:
      /^shared\/runtime\/|^compose\/|^loadgen\/|^agents\/cli\/|^tests\/(main\.ts$|live\/|mutants\/main\.ts$|sabotage\/wrong-clock\.ts$)|\/shell\.ts$|^agents\/reporter\/reports\/archive\.ts$|^agents\/chaos-injector\/|\.test\.ts$/,
    why: 'outside the cores; impureProblems looks into what cores are made of',
  },
  { rule: 'chance', where: /^compose\/reference\/feed\/|^loadgen\//, why: 'a feed that nobody has to repeat' },
  { rule: 'default export', where: /^vitest\.config\.ts$/, why: 'vitest reads it' },
  { rule: 'double assertion', where: /^schemas\/avro\.test\.ts$/, why: 'avsc types schemas as mutable; it checks them itself' },
]

/** `assay` and `reference` are the files that may import the library on either side. The first that matches counts. */
export const doorways: readonly { readonly library: RegExp; readonly assay: readonly string[]; readonly reference: readonly string[] }[] = [
  { library: /^kafkajs$/, assay: ['shared/runtime/kafka.ts'], reference: ['compose/reference/kafka.ts'] },
  {
    library: /^@kafkajs\/confluent-schema-registry$/,
    // The test sends requests as somebody else's client would.
    assay: ['tests/live/control.stack.test.ts'],
    reference: ['compose/reference/registry.ts'],
  },
  { library: /^@duckdb\//, assay: ['shared/engines/duckdb.ts'], reference: ['compose/reference/lake.ts'] },
  { library: /^@aws-sdk\//, assay: ['shared/iceberg/object-store.ts'], reference: ['compose/reference/store.ts'] },
  { library: /^pino$/, assay: ['shared/runtime/log.ts'], reference: ['compose/reference/log.ts'] },
  {
    library: /^prom-client$/,
    assay: ['shared/runtime/metrics.ts'],
    reference: ['compose/reference/api/metrics.ts', 'compose/reference/gateway/metrics.ts'],
  },
  {
    library: /^@opentelemetry\//,
    // What spans are, and how they leave; the names of attributes are compared with the package in a test.
    assay: ['shared/runtime/tracing.ts', 'shared/runtime/span-exporters.ts', 'shared/runtime/trace-attributes.test.ts'],
    reference: ['compose/reference/api/tracing.ts', 'compose/reference/api/tracing.test.ts'],
  },
  {
    library: /^avsc$/,
    // The contract, Iceberg's manifests and the pipeline's records are three dialects; their tests build what the doors read.
    assay: [
      'schemas/avro.ts',
      'shared/iceberg/avro-container.ts',
      'shared/runtime/record-codec.ts',
      'schemas/avro.test.ts',
      'shared/iceberg/snapshot-reader.test.ts',
      'shared/iceberg/manifest-writer.fixture.ts',
    ],
    reference: ['compose/reference/avro.ts'],
  },
  { library: /^lossless-json$/, assay: ['shared/iceberg/lossless.ts'], reference: ['compose/reference/catalog.ts'] },
  {
    library: /^yaml$/,
    assay: [
      'topology/load.ts',
      'schemas/docs.test.ts',
      'compose/ci/action.fixture.ts',
      'compose/docker/yaml.ts',
      'tests/repo/grafana.test.ts',
    ],
    reference: [],
  },
  {
    library: /^@grafana\//,
    assay: ['compose/observability/grafana/panels.ts', 'compose/observability/grafana/board.ts'],
    reference: [],
  },
  { library: /^@prometheus-io\/|^@lezer\//, assay: ['tests/repo/promql-text.ts'], reference: [] },
  { library: /^@fastify\//, assay: ['agents/reporter/page/server.ts'], reference: [] },
  { library: /^playwright-core$|^@axe-core\//, assay: ['tests/page/browser.ts'], reference: [] },
  { library: /^fastify$/, assay: ['agents/reporter/page/server.ts'], reference: ['compose/reference/api/server.ts'] },
  { library: /^echarts(\/|$)/, assay: ['agents/reporter/reports/charts.ts'], reference: [] },
  { library: /^tar-stream$/, assay: ['agents/reporter/reports/archive.ts', 'agents/reporter/reports/archive.test.ts'], reference: [] },
  { library: /^nats$/, assay: ['shared/runtime/nats.ts'], reference: ['compose/reference/nats.ts'] },
]

/** Which top-level folder may import which. */
export const mayImport: Readonly<Record<string, readonly string[]>> = {
  schemas: [],
  topology: ['schemas'],
  shared: ['schemas', 'topology'],
  loadgen: ['schemas', 'topology', 'shared'],
  compose: ['schemas', 'topology', 'shared'],
  agents: ['schemas', 'topology', 'shared', 'loadgen'],
  tests: ['schemas', 'topology', 'shared', 'loadgen', 'compose', 'agents'],
}

/** Imports against the direction, each with its reason. */
export const upward: readonly { readonly from: RegExp; readonly to: RegExp; readonly why: string }[] = [
  { from: /^shared\/runtime\/version\.ts$/, to: /^package\.json$/, why: 'the version stands in one place' },
  {
    from: /\.stack\.test\.ts$|^shared\/runtime\/broker\.fixture\.ts$/,
    to: /^compose\/local\/stack\.ts$/,
    why: 'tests that need real servers start the local stack',
  },
  {
    from: /^loadgen\/(bench|soak)\//,
    to: /^compose\/local\//,
    why: 'benchmarks of whole agents start them, and the broker, as a user would',
  },
  {
    from: /^loadgen\/soak\/main\.ts$/,
    to: /^compose\/docker\/services\/agents\.ts$/,
    why: 'growth is judged by the memory that Compose gives an agent',
  },
  {
    from: /^loadgen\/bench\/growth\.ts$/,
    to: /^agents\/storage-reconciler\/(table-following|events)\.ts$/,
    why: "what is measured is the reconciler's own reading, without the servers around it",
  },
  {
    from: /^compose\/(local|docker\/e2e)\/|^loadgen\/soak\//,
    to: /^agents\/cli\//,
    why: 'the demo, the soak and the test of Compose are front ends of the command line',
  },
  {
    from: /^agents\/cli\/[^/]+\.test\.ts$/,
    to: /^agents\/reporter\/reports\/sample-run\.ts$/,
    why: "one run told fact by fact, for the tests of both; the command line's own code imports no agent",
  },
]

/** Lint covers core.ts, checks and probes; these are pure as well. */
export const pureFolders = /^shared\/(core|sim)\/|^agents\/[^/]+\/(checks|probes)\//

export const topLevel: ReadonlySet<string> = new Set([
  ...['agents', 'compose', 'loadgen', 'schemas', 'shared', 'tests', 'topology'],
  ...['package.json', 'package-lock.json', 'tsconfig.json', 'eslint.config.js', 'vitest.config.ts'],
  // What a continuous integration server runs.
  '.ci',
  '.github',
  ...['.gitignore', '.prettierignore', '.prettierrc.json'],
  ...['README.md', 'ARCHITECTURE.md', 'DECISIONS.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'LICENSE'],
])

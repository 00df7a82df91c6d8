import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

/** Tests on real servers that need no whole pipeline, and mostly wait. */
const ofFewServers = [
  'agents/**/*.stack.test.ts',
  'tests/page/*.stack.test.ts',
  'tests/live/alerts.stack.test.ts',
  'shared/runtime/kafka-bus.stack.test.ts',
]
const onServers = { fileParallelism: false, setupFiles: ['tests/coverage/of-processes.ts'], testTimeout: 300_000, hookTimeout: 300_000 }

// eslint-disable-next-line no-restricted-exports -- vitest reads the default export
export default defineConfig({
  test: {
    testTimeout: 120_000,
    // As many as there are cores: vitest would leave one idle.
    maxWorkers: availableParallelism(),
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['**/*.test.ts'],
          exclude: ['node_modules/**', '**/*.stack.test.ts', 'tests/sim/**', '.assay/**'],
          // Files share a process: loading the packages anew for each would take half of the time.
          isolate: false,
        },
      },
      // Apart from the unit tests, whose coverage is measured: that takes as long again. Of 20,000 seeds one test takes minutes.
      { extends: true, test: { name: 'simulation', include: ['tests/sim/**/*.test.ts'], testTimeout: 1_200_000 } },
      {
        extends: true,
        test: { name: 'stack', include: ['**/*.stack.test.ts'], exclude: ['node_modules/**', '.assay/**', ...ofFewServers], ...onServers },
      },
      // Light on the machine.
      { extends: true, test: { name: 'servers', include: ofFewServers, ...onServers } },
    ],
    coverage: {
      provider: 'v8',
      reporter: ['json'],
      include: ['{agents,shared,schemas,topology,compose}/**/*.ts'],
      exclude: ['**/*.test.ts', '**/*.fixture.ts'],
    },
  },
})

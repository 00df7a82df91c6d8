import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

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
      // Apart from the unit tests, whose coverage is measured: that takes as long again.
      { extends: true, test: { name: 'simulation', include: ['tests/sim/**/*.test.ts'] } },
      {
        extends: true,
        test: {
          name: 'stack',
          include: ['**/*.stack.test.ts'],
          exclude: ['node_modules/**', '.assay/**'],
          fileParallelism: false,
          setupFiles: ['tests/coverage/of-processes.ts'],
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
    ],
    coverage: {
      provider: 'v8',
      reporter: ['json'],
      include: ['{agents,shared,schemas,topology,compose}/**/*.ts'],
      exclude: ['**/*.test.ts', '**/*.fixture.ts'],
    },
  },
})

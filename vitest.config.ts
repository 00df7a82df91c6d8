import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

// eslint-disable-next-line no-restricted-exports -- vitest reads the default export
export default defineConfig({
  test: {
    testTimeout: 120_000,
    // As many as there are cores: vitest would leave one idle.
    maxWorkers: availableParallelism(),
    projects: [
      { extends: true, test: { name: 'unit', include: ['**/*.test.ts'], exclude: ['node_modules/**', '**/*.stack.test.ts', '.assay/**'] } },
      {
        extends: true,
        test: {
          name: 'stack',
          include: ['**/*.stack.test.ts'],
          exclude: ['node_modules/**', '.assay/**'],
          fileParallelism: false,
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
    ],
    coverage: {
      provider: 'v8',
      reporter: ['text-summary', 'json-summary'],
      include: [
        'shared/core/**/*.ts',
        'agents/*/*.ts',
        'agents/*/{checks,probes,faults,reports}/**/*.ts',
        'schemas/**/*.ts',
        'topology/**/*.ts',
      ],
      exclude: ['**/*.test.ts', 'agents/*/{shell,main,watchdog,stop}.ts', 'agents/cli/**'],
      thresholds: { lines: 85 },
    },
  },
})

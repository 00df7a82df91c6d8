import tseslint from 'typescript-eslint'

const clockAndChance = ['Date', 'performance', 'setTimeout', 'setInterval', 'setImmediate', 'process', 'console', 'fetch', 'crypto']

export default tseslint.config(
  { ignores: ['node_modules', '**/*.js', 'coverage', '.assay'] },
  ...tseslint.configs.strictTypeChecked,
  { languageOptions: { parserOptions: { project: true, tsconfigRootDir: import.meta.dirname } } },
  {
    rules: {
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowRegExp: true }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      // Index access is checked (noUncheckedIndexedAccess); an assertion there says what the loop's bounds say already.
      '@typescript-eslint/no-unnecessary-type-assertion': 'off',
      '@typescript-eslint/non-nullable-type-assertion-style': 'off',
      // There are no enums, and no two classes of the same shape: both cost a tenth of the time, and find nothing.
      '@typescript-eslint/no-unsafe-enum-assignment': 'off',
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true, ignoreVoidOperator: true }],
      '@typescript-eslint/unbound-method': 'off',
      'no-restricted-exports': ['error', { restrictDefaultExports: { direct: true, named: true, defaultFrom: true } }],
      'max-lines': ['error', { max: 300 }],
      'max-lines-per-function': ['error', { max: 70 }],
      'max-params': ['error', { max: 3 }],
    },
  },
  {
    files: ['agents/*/core.ts', 'agents/*/checks/**', 'agents/*/probes/**', 'shared/core/**', 'shared/sim/**'],
    ignores: ['**/*.test.ts'],
    rules: {
      'no-restricted-globals': [
        'error',
        ...clockAndChance.map((name) => ({ name, message: 'A core gets time and chance as events and Prng streams.' })),
      ],
      'no-restricted-properties': ['error', { object: 'Math', property: 'random', message: 'Draw from a named Prng stream.' }],
      'no-restricted-syntax': [
        'error',
        { selector: ':function[async=true]', message: 'A core decides; it never waits. Return an effect.' },
      ],
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              group: ['node:*', '**/runtime/**', 'kafkajs', '@aws-sdk/*', 'nats', '@duckdb/*', 'pino', 'prom-client', '@opentelemetry/*'],
              message: 'A core does no I/O.',
            },
          ],
        },
      ],
    },
  },
  {
    files: ['**/*.test.ts'],
    rules: {
      'max-lines-per-function': 'off',
      'max-lines': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
)

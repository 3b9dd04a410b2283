import { configDefaults, defineConfig } from 'vitest/config'

/**
 * They start so many processes that they run one after the other, when the other tests are done.
 */
const ALONE = ['test/concurrent-clients.test.ts', 'test/concurrent-sessions.test.ts']

export default defineConfig({
  test: {
    // The one that needs a Python: "npm run moto".
    exclude: [
      ...configDefaults.exclude,
      ...(process.env['MOTO_PYTHON'] ? [] : ['**/deploy/moto.test.ts']),
    ],
    setupFiles: ['test/support/setup.ts'],
    // Tests wait for conditions; this is only how long a hung one may hold up the rest.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'all',
          include: ['packages/*/test/**/*.test.ts', 'test/**/*.test.ts'],
          exclude: ALONE,
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: { name: 'alone', include: ALONE, maxWorkers: 1, sequence: { groupOrder: 1 } },
      },
    ],
  },
})

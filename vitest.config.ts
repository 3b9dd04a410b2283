import { configDefaults, defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['packages/*/test/**/*.test.ts', 'test/**/*.test.ts'],
    // The one that needs a Python: "npm run moto".
    exclude: [
      ...configDefaults.exclude,
      ...(process.env['MOTO_PYTHON'] ? [] : ['**/deploy/moto.test.ts']),
    ],
    setupFiles: ['test/setup.ts'],
    // Tests wait for conditions; this is only how long a hung one may hold up the rest.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Most tests start processes of their own, which are enough to keep two cores busy.
    maxWorkers: 1,
  },
})

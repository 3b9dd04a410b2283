import { configDefaults, defineConfig } from 'vitest/config'

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
    include: ['packages/*/test/**/*.test.ts', 'test/**/*.test.ts'],
    // Most tests wait for other processes: three workers keep two cores busy.
    maxWorkers: 3,
  },
})

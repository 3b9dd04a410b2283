import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['packages/*/test/**/*.test.ts', 'test/**/*.test.ts'],
    setupFiles: ['test/setup.ts'],
    // Tests wait for conditions; this is only how long a hung one may hold up the rest.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Most tests start processes of their own, which are enough to keep two cores busy.
    maxWorkers: 1,
  },
})

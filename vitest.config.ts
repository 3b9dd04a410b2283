import { configDefaults, defineConfig } from 'vitest/config'

/** Tests that need tools beside Node, and the variable that their script sets to run them. */
const NEED_TOOLS = {
  '**/deploy/moto.test.ts': 'MOTO_PYTHON',
  '**/local/python-functions.test.ts': 'FUNCTIONS_PYTHON',
  'test/oracles/recorder.test.ts': 'MOTO_PYTHON',
  'test/oracles/upgrade.test.ts': 'UPGRADE_FROM',
  '**/deploy/upgraded-stack.test.ts': 'UPGRADE_FROM',
  'test/oracles/ministack.test.ts': 'MINISTACK_PYTHON',
  'test/oracles/rie.test.ts': 'RIE',
  'test/oracles/clients-that-stay.test.ts': 'CLIENTS_THAT_STAY',
  'test/oracles/connect.test.ts': 'CONNECT',
  'test/oracles/python-host.test.ts': 'PYTHON_HOST',
}

/**
 * Files with a process of their own. The others share one per worker, because loading the SDKs takes
 * longer than most tests.
 */
const ALONE = [
  'packages/server/test/deploy/**/*.test.ts',
  // They share gateways within a file: local/fixture.ts.
  'packages/server/test/local/**/*.test.ts',
  'packages/server/test/registration/{denied-permission,invoke-permissions,resource-policy}.test.ts',
]

const exclude = [
  ...configDefaults.exclude,
  ...Object.entries(NEED_TOOLS).flatMap(([file, name]) => (process.env[name] ? [] : file)),
]

export default defineConfig({
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: 'shared',
          isolate: false,
          include: ['packages/*/test/**/*.test.ts', 'test/**/*.test.ts'],
          exclude: [...exclude, ...ALONE],
        },
      },
      // Vitest sorts projects by name. These files are short: last, they leave no worker idle.
      { extends: true, test: { name: 'unshared', include: ALONE, exclude } },
    ],
    // Log entries of the code under test are shown where a test fails.
    silent: 'passed-only',
    setupFiles: ['test/support/setup.ts'],
    // Tests wait for conditions; this is only how long a hung one may hold up the rest.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Most tests wait for other processes: four workers keep two cores busy.
    maxWorkers: 4,
    // Node loads built packages, as it loads those of others: they need no transform.
    server: { deps: { external: [/\/packages\/[a-z-]+\/dist\//] } },
  },
})

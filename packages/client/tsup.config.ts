import { defineConfig, type Options } from 'tsup'

import { thirdParty } from '../../scripts/third-party.mjs'

const licences = thirdParty('dist/THIRD-PARTY.txt')

const common = {
  target: 'node20',
  // "main" of the AWS SDK is CommonJS, from which esbuild cannot drop unused code.
  esbuildOptions(options) {
    options.mainFields =
      options.platform === 'node' ? ['module', 'main'] : ['browser', 'module', 'main']
  },
} satisfies Options

/**
 * What depends on the runtime is no part of the library: "imports" of package.json says which of
 * the files below is loaded, with the first signature.
 */
const platformByCondition = {
  name: 'platform-by-condition',
  setup(build) {
    build.onResolve({ filter: /\/platform\/node\.ts$/ }, () => ({
      path: '#platform',
      external: true,
    }))
  },
} satisfies NonNullable<Options['esbuildPlugins']>[number]

export default [
  // The library, which needs no module of Node. CommonJS loads the same platform.
  defineConfig({
    ...common,
    entry: {
      index: 'src/index.ts',
      sigv4: 'src/sigv4.ts',
      'host-configs': 'src/bridge/host-configs.ts',
    },
    format: ['esm', 'cjs'],
    platform: 'neutral',
    noExternal: [/.*/],
    dts: true,
    sourcemap: true,
    clean: ['!platform/**', '!bridge/**'],
    esbuildPlugins: [platformByCondition, licences],
  }),
  // The signer and the default chain. The chain is a chunk that only it loads.
  defineConfig({
    ...common,
    entry: { node: 'src/platform/node.ts' },
    outDir: 'dist/platform',
    format: 'esm',
    platform: 'node',
    noExternal: [/.*/],
    minify: true,
    splitting: true,
    clean: ['!portable.js'],
    esbuildPlugins: [licences],
  }),
  defineConfig({
    ...common,
    entry: { portable: 'src/platform/portable.ts' },
    outDir: 'dist/platform',
    format: 'esm',
    platform: 'browser',
    noExternal: [/.*/],
    minify: true,
    splitting: false,
    esbuildPlugins: [licences],
  }),
  // The command: one file that needs no package, so that npx and a desktop bundle start quickly.
  defineConfig({
    ...common,
    entry: { connect: 'src/bridge/main.ts' },
    outDir: 'dist/bridge',
    format: 'esm',
    platform: 'node',
    noExternal: [/.*/],
    minify: true,
    splitting: false,
    clean: true,
    // The CommonJS parts of the AWS SDK load Node's own modules with `require`.
    banner: {
      js: "import{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);",
    },
    esbuildPlugins: [licences],
  }),
]

import { copyFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { defineConfig } from 'tsup'

/** What Lambda runs: each entry a folder of its own with everything inside, as the template deploys it. */
const lambda = (name: string) =>
  defineConfig({
    entry: { index: `src/lambda/${name}.ts` },
    outDir: `dist/lambda/${name}`,
    format: 'esm',
    target: 'node20',
    platform: 'node',
    noExternal: [/.*/],
    minify: true,
    sourcemap: true,
    // What only some environments need is a chunk of its own; see src/lambda/wiring.ts.
    splitting: true,
    clean: true,
    outExtension: () => ({ js: '.mjs' }),
    esbuildOptions(options) {
      // The AWS SDK's CommonJS twin is what "main" names, and nothing of it can be left out.
      options.mainFields = ['module', 'main']
      options.alias = {
        '@aws-sdk/credential-provider-node': resolve('src/lambda/credentials.ts'),
      }
    },
    // The AWS SDK's CommonJS parts ask for node's own modules by `require`.
    banner: {
      js: "import{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);",
    },
  })

export default [
  defineConfig({
    entry: {
      index: 'src/index.ts',
      'local/index': 'src/local/index.ts',
      'cli/main': 'src/cli/main.ts',
    },
    format: 'esm',
    target: 'node20',
    platform: 'node',
    // All of the package's: a build of declarations begins by removing those in its folder, the others' as well.
    dts: {
      entry: {
        index: 'src/index.ts',
        'local/index': 'src/local/index.ts',
        'authoring/index': 'src/authoring/index.ts',
      },
    },
    sourcemap: true,
    // Everything but what the others below write.
    clean: ['!lambda/**', '!runtime/**', '!authoring/**'],
    async onSuccess() {
      copyFileSync('../../template.yaml', 'dist/template.yaml')
    },
  }),
  // What functions carry: one file with nothing beside it.
  defineConfig({
    entry: { index: 'src/authoring/index.ts' },
    outDir: 'dist/authoring',
    format: 'esm',
    target: 'node20',
    platform: 'node',
    minify: true,
    sourcemap: true,
    splitting: false,
    clean: ['!**/*.d.ts'],
  }),
  // The process a function runs in: one file, started as `node bootstrap.js`.
  defineConfig({
    entry: { bootstrap: 'src/local/runtime/bootstrap.ts' },
    outDir: 'dist/runtime',
    format: 'esm',
    target: 'node20',
    platform: 'node',
    splitting: false,
    clean: true,
  }),
  lambda('mcp'),
  lambda('registration'),
]

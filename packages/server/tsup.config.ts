import { copyFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { defineConfig } from 'tsup'

/**
 * A Lambda function: one folder with all its code, which the template deploys. Without source
 * maps: Lambda would load them and use nothing of them. `npx tsup --sourcemap` writes them when
 * you need one.
 */
const lambda = (name: string) =>
  defineConfig({
    entry: { index: `src/lambda/${name}.ts` },
    outDir: `dist/lambda/${name}`,
    format: 'esm',
    target: 'node20',
    platform: 'node',
    noExternal: [/.*/],
    minify: true,
    // Code that only some environments load is a chunk of its own: see src/lambda/wiring.ts.
    splitting: true,
    clean: true,
    outExtension: () => ({ js: '.mjs' }),
    esbuildOptions(options) {
      // "main" of the AWS SDK is CommonJS, from which esbuild cannot drop unused code.
      options.mainFields = ['module', 'main']
      options.alias = {
        '@aws-sdk/credential-provider-node': resolve('src/lambda/credentials.ts'),
      }
    },
    // The CommonJS parts of the AWS SDK load Node's own modules with `require`.
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
    // All declarations are built here: a declaration build first deletes every one in its folder.
    dts: {
      entry: {
        index: 'src/index.ts',
        'local/index': 'src/local/index.ts',
      },
    },
    // Everything but the output of the builds below.
    clean: ['!lambda/**', '!runtime/**'],
    async onSuccess() {
      copyFileSync('../../template.yaml', 'dist/template.yaml')
    },
  }),
  // The process in which a local function runs: one file, started as `node bootstrap.js`.
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

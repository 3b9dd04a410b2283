import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { defineConfig } from 'tsup'

import { thirdParty } from '../../scripts/third-party.mjs'

const licences = thirdParty('dist/THIRD-PARTY.txt')

export default [
  // The library. Of the packages it needs only our client; the schemas need zod, an optional peer.
  defineConfig({
    entry: ['src/index.ts', 'src/api-schema.ts', 'src/schemas.ts'],
    format: ['esm', 'cjs'],
    target: 'node20',
    dts: true,
    sourcemap: true,
    esbuildPlugins: [
      licences,
      {
        // It brings zod and yaml along: it is built once, below, and loaded with the first plan.
        name: 'plans-are-loaded',
        setup(build) {
          build.onResolve({ filter: /\/plan\/plan\.ts$/ }, ({ kind }) =>
            kind === 'dynamic-import' ? { path: './plan.js', external: true } : undefined,
          )
        },
      },
    ],
  }),
  // What reads manifests, and the commands. Their packages are bundled.
  defineConfig({
    entry: {
      plan: 'src/plan/plan.ts',
      manifest: 'src/manifest/index.ts',
      'command-line': 'src/command-line/index.ts',
      cli: 'src/cli/main.ts',
      'typescript-hooks': 'src/manifest/typescript-hooks.ts',
    },
    format: 'esm',
    target: 'node20',
    dts: {
      entry: { manifest: 'src/manifest/index.ts', 'command-line': 'src/command-line/index.ts' },
    },
    minifySyntax: true,
    minifyWhitespace: true,
    noExternal: ['zod', 'yaml', 'sucrase'],
    esbuildPlugins: [licences],
    esbuildOptions(options) {
      // Its entry for Node is CommonJS, which cannot be bundled into a module.
      options.alias = { yaml: resolve('node_modules/yaml/browser/index.js') }
    },
    async onSuccess() {
      // For editors. The CLI prints the same.
      const cli = [join('bin', 'mcp-lambda-sam-admin.js'), 'schema']
      writeFileSync('dist/manifest.schema.json', execFileSync(process.execPath, cli))
    },
  }),
]

import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { defineConfig } from 'tsup'

import { thirdParty } from '../../scripts/third-party.mjs'

const licences = thirdParty('dist/THIRD-PARTY.txt')

export default [
  // Of the packages it needs only our client: manifests bring zod and yaml along.
  defineConfig({
    entry: {
      index: 'src/index.ts',
      'api-schema': 'src/api-schema.ts',
      schemas: 'src/schemas.ts',
      manifest: 'src/manifest/index.ts',
      'command-line': 'src/command-line/index.ts',
      cli: 'src/cli/main.ts',
    },
    format: ['esm', 'cjs'],
    target: 'node20',
    dts: true,
    sourcemap: true,
    clean: true,
    noExternal: ['zod', 'yaml'],
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

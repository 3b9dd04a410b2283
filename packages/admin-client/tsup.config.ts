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
    clean: true,
    esbuildPlugins: [licences],
  }),
]

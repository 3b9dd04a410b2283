import { defineConfig } from 'tsup'

export default defineConfig({
  entry: { index: 'src/index.ts', sigv4: 'src/signing/signed-fetch.ts' },
  format: 'esm',
  target: 'node20',
  dts: true,
  sourcemap: true,
  clean: true,
})

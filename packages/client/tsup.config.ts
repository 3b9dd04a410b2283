import { defineConfig } from 'tsup'

export default defineConfig({
  entry: { index: 'src/index.ts', sigv4: 'src/sigv4.ts' },
  format: 'esm',
  target: 'node20',
  dts: true,
  sourcemap: true,
  clean: true,
})

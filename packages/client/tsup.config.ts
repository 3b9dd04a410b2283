import { defineConfig } from 'tsup'

export default defineConfig({
  entry: ['src/index.ts', 'src/sigv4.ts'],
  format: 'esm',
  target: 'node20',
  dts: true,
  sourcemap: true,
  clean: true,
})

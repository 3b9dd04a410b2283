import { defineConfig } from 'tsup'

export default [
  defineConfig({
    entry: { index: 'src/index.ts', sigv4: 'src/sigv4.ts' },
    format: 'esm',
    target: 'node20',
    dts: true,
    sourcemap: true,
    clean: ['!bridge/**'],
  }),
  // The command: one file that needs no package, so that npx and a desktop bundle start quickly.
  defineConfig({
    entry: { connect: 'src/bridge/main.ts' },
    outDir: 'dist/bridge',
    format: 'esm',
    target: 'node20',
    platform: 'node',
    noExternal: [/.*/],
    minify: true,
    splitting: false,
    clean: true,
    esbuildOptions(options) {
      // "main" of the AWS SDK is CommonJS, from which esbuild cannot drop unused code.
      options.mainFields = ['module', 'main']
    },
    // The CommonJS parts of the AWS SDK load Node's own modules with `require`.
    banner: {
      js: "import{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);",
    },
  }),
]

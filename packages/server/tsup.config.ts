import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { resolve } from 'node:path'
import { defineConfig, type Options } from 'tsup'

import { thirdParty } from '../../scripts/third-party.mjs'

type Plugin = NonNullable<Options['esbuildPlugins']>[number]

const licences = thirdParty('dist/THIRD-PARTY.txt')

/** The CommonJS parts of bundled packages load Node's own modules with `require`. */
const REQUIRE =
  "import{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);"

/** Of our package.json a function needs the version. */
const versionAlone: Plugin = {
  name: 'version-alone',
  setup(build) {
    build.onLoad({ filter: /[\\/]server[\\/]package\.json$/ }, ({ path }) => {
      const { version } = JSON.parse(readFileSync(path, 'utf8'))
      return { contents: JSON.stringify({ version }), loader: 'json' }
    })
  },
}

/**
 * A Lambda function: one folder with all its code, which the template deploys. None of it calls
 * `require`. Without source maps: Lambda would load them and use nothing of them.
 * `npx tsup --sourcemap` writes them when you need one.
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
    esbuildPlugins: [versionAlone, licences],
  })

/**
 * esbuild refuses to be bundled, but its library is one file, which is copied as it is. The
 * optional dependencies of this package are its programs, one for each platform.
 */
const copyOfEsbuild: Plugin = {
  name: 'copy-of-esbuild',
  setup(build) {
    build.onResolve({ filter: /^esbuild$/ }, () => ({ path: '#esbuild', external: true }))
  },
}

function copyEsbuild() {
  const folder = 'dist/esbuild'
  mkdirSync(`${folder}/lib`, { recursive: true })
  copyFileSync(createRequire(import.meta.url).resolve('esbuild'), `${folder}/lib/main.js`)
  copyFileSync('node_modules/esbuild/LICENSE.md', `${folder}/LICENSE.md`)
  writeFileSync(`${folder}/package.json`, '{ "type": "commonjs" }\n')
}

/** dynalite with our journal in the place of LevelDB, a native module. */
const dynaliteWithJournal: Plugin = {
  name: 'dynalite-with-journal',
  setup(build) {
    build.onResolve({ filter: /^level$/ }, () => ({
      path: resolve('src/local/dynamodb/journal-level.ts'),
    }))
    // esbuild finds the modules of a computed path only where it has their extension.
    build.onLoad({ filter: /dynalite[\\/]index\.js$/ }, ({ path }) => ({
      contents: readFileSync(path, 'utf8')
        .replace(
          /require\(('\.\/(?:actions|validations)\/') \+ action\)/g,
          "require($1 + action + '.js')",
        )
        // Node 24 warns of `url.parse` outside of node_modules.
        .replace(
          'url.parse(req.url, true).query',
          "Object.fromEntries(new URLSearchParams(req.url.split('?')[1]))",
        ),
    }))
    // It waits a turn of the event loop for each access to memory, a tenth to a fifth of a request.
    build.onLoad({ filter: /dynalite[\\/]db[\\/]index\.js$/ }, ({ path }) => ({
      contents: readFileSync(path, 'utf8').replaceAll(
        'setImmediate(callback',
        'process.nextTick(callback',
      ),
    }))
  },
}

export default [
  defineConfig({
    entry: {
      index: 'src/index.ts',
      'local/index': 'src/local/index.ts',
      'cli/main': 'src/cli/main.ts',
      // Beside the reader of manifests, which loads it by its name.
      'typescript-hooks': '../admin-client/src/manifest/typescript-hooks.ts',
    },
    format: 'esm',
    target: 'node20',
    platform: 'node',
    // An install brings our client and the program of esbuild, and no install script.
    noExternal: [/^(?!@markvp\/mcp-lambda-sam-client)/],
    // All declarations are built here: a declaration build first deletes every one in its folder.
    dts: { entry: { index: 'src/index.ts', 'local/index': 'src/local/index.ts' } },
    // Everything but the output of the builds below.
    clean: ['!lambda/**', '!runtime/**', '!dynamodb/**', '!console/**', '!esbuild/**'],
    esbuildOptions(options) {
      options.mainFields = ['module', 'main']
    },
    banner: { js: REQUIRE },
    esbuildPlugins: [copyOfEsbuild, licences],
    async onSuccess() {
      copyFileSync('../../template.yaml', 'dist/template.yaml')
      copyEsbuild()
    },
  }),
  // The processes in which a local function runs and is described: one file each, started as
  // `node bootstrap.js`. Those in Python are copied.
  defineConfig({
    entry: {
      bootstrap: 'src/local/runtime/bootstrap.ts',
      describe: 'src/local/runtime/describe.ts',
    },
    outDir: 'dist/runtime',
    format: 'esm',
    target: 'node20',
    platform: 'node',
    splitting: false,
    clean: true,
    async onSuccess() {
      for (const file of ['bootstrap.py', 'exports.py'])
        copyFileSync(`src/local/runtime/python/${file}`, `dist/runtime/${file}`)
    },
  }),
  // The page of the local gateway's console: it loads nothing else.
  defineConfig({
    entry: { console: 'src/local/console/page/main.ts' },
    outDir: 'dist/console',
    format: 'esm',
    target: 'es2022',
    platform: 'browser',
    minify: true,
    splitting: false,
    clean: true,
    async onSuccess() {
      for (const file of ['index.html', 'console.css'])
        copyFileSync(`src/local/console/page/${file}`, `dist/console/${file}`)
    },
  }),
  // The process that holds the tables of the local gateway.
  defineConfig({
    entry: { server: 'src/local/dynamodb/server.ts' },
    outDir: 'dist/dynamodb',
    format: 'esm',
    target: 'node20',
    platform: 'node',
    noExternal: [/.*/],
    splitting: false,
    clean: true,
    banner: { js: REQUIRE },
    esbuildPlugins: [dynaliteWithJournal, licences],
  }),
  lambda('mcp'),
  lambda('registration'),
  lambda('resource'),
]

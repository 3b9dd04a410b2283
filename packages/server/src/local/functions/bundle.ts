import { mkdir, stat, symlink } from 'node:fs/promises'
import { dirname, extname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type BuildFailure, type BuildOptions, build, type Message, type Plugin } from 'esbuild'

import { BrokenCode } from './broken-code.ts'

export interface BundleOptions {
  /** Default: `esm`. */
  format?: 'esm' | 'cjs'
  /** Packages that the function loads from its node_modules. Default: none. */
  external?: string[]
}

/**
 * Bundles a TypeScript function into `outfile`. Resolves with the source files of the bundle.
 * Rejects with a `BrokenCode`, which names the file and line of a syntax error.
 */
export async function bundle(
  entry: string,
  outfile: string,
  { format = 'esm', external = [] }: BundleOptions = {},
): Promise<string[]> {
  const folder = dirname(outfile)
  await mkdir(folder, { recursive: true })
  if (external.length > 0) await linkPackages(dirname(entry), folder)
  const url = JSON.stringify(pathToFileURL(entry).href)
  const { files, failure } = await buildFiles({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    format,
    external,
    target: 'node20',
    sourcemap: true,
    sourcesContent: false,
    // The function finds files next to its source, not next to the bundle.
    define: {
      'import.meta.url': url,
      'import.meta.dirname': JSON.stringify(dirname(entry)),
      'import.meta.filename': JSON.stringify(entry),
      __dirname: JSON.stringify(dirname(entry)),
      __filename: JSON.stringify(entry),
    },
    // CommonJS dependencies load Node's modules with `require`.
    ...(format === 'esm' && {
      banner: {
        js: `import{createRequire as __createRequire}from'node:module';const require=__createRequire(${url});`,
      },
    }),
  })
  if (failure) throw new BrokenCode(withHint(failure.message), files, { cause: failure })
  return files
}

/** The bundle is in another folder, from which Node would not find the function's packages. */
async function linkPackages(from: string, to: string) {
  for (const folder of foldersUp(from)) {
    const packages = join(folder, 'node_modules')
    if ((await stat(packages).catch(() => undefined))?.isDirectory())
      return symlink(packages, join(to, 'node_modules'), 'junction')
  }
}

function withHint(message: string): string {
  if (!/Could not resolve "@(aws-sdk|smithy)\//.test(message)) return message
  return `${message}\nLambda has the AWS SDK, this machine has not: install it with "npm install --save-dev"`
}

/**
 * The source files of a JavaScript function: its entry and the files that it imports by path.
 * Rejects with a `BrokenCode`, which names the file and line of a syntax error: Node does not tell
 * them for ES modules. Any other fault is Node's to report.
 */
export async function importsOf(entry: string): Promise<string[]> {
  const options: BuildOptions = {
    entryPoints: [entry],
    bundle: true,
    write: false,
    platform: 'node',
    packages: 'external',
    outdir: join(dirname(entry), 'unused'),
  }
  const { files, failure } = await buildFiles({ ...options, format: 'esm' })
  const faults = failure?.errors.filter(({ text }) => !NO_SYNTAX_ERROR.test(text)) ?? []
  if (!failure || faults.length === 0) return files
  // A syntax error is one in both formats. Each refuses what the other one takes, such as `with`.
  const { failure: other } = await buildFiles({ ...options, format: 'cjs' })
  const others = new Set(other?.errors.map(placeAndText))
  if (!faults.some(it => others.has(placeAndText(it)))) return files
  throw new BrokenCode(failure.message, files, { cause: failure })
}

const NO_SYNTAX_ERROR = /^(Could not resolve|No loader is configured) /

const placeAndText = ({ location, text }: Message) =>
  [location?.file, location?.line, location?.column, text].join(':')

/**
 * Builds, and tells the files that were read. For a build that fails these are also the ones that
 * it misses.
 */
async function buildFiles(
  options: BuildOptions,
): Promise<{ files: string[]; failure?: BuildFailure }> {
  const common = { ...options, logLevel: 'silent' as const }
  try {
    const { metafile } = await build({ ...common, metafile: true, plugins: [NATIVE_MODULES] })
    return { files: Object.keys(metafile.inputs).map(input => resolve(input)) }
  } catch (error) {
    const failure = error as BuildFailure
    // esbuild tells the files only of a build that succeeds.
    const files = new Set(failure.errors.flatMap(missingFiles))
    const reader: Plugin = {
      name: 'reader',
      setup: ({ onLoad }) =>
        onLoad({ filter: /.*/ }, ({ path }) => {
          files.add(path)
          return undefined
        }),
    }
    await build({ ...common, plugins: [NATIVE_MODULES, reader] }).catch(() => {})
    return { files: [...files], failure }
  }
}

/** The function loads its native modules from where they are. */
const NATIVE_MODULES: Plugin = {
  name: 'native-modules',
  setup: ({ onResolve }) =>
    onResolve({ filter: /^\.\.?\/.*\.node$/ }, ({ path, resolveDir }) => ({
      path: resolve(resolveDir, path),
      external: true,
    })),
}

/** The places of the file or of the package that an import does not find. */
function missingFiles({ text, location }: Message): string[] {
  const [, path] = /^Could not resolve "([^"]+)"/.exec(text) ?? []
  if (path === undefined || !location) return []
  const folder = dirname(resolve(location.file))
  if (/^\.\.?\//.test(path)) {
    const file = resolve(folder, path)
    const typed = file.replace(/\.([cm]?)js$/, '.$1ts')
    return [typed, ...['', '.ts', '.js', '.json', '/index.ts', '/index.js'].map(end => file + end)]
  }
  const name = path.split('/').slice(0, path.startsWith('@') ? 2 : 1)
  return foldersUp(folder).map(it => join(it, 'node_modules', ...name))
}

/** The folder and all above it. */
function foldersUp(folder: string): string[] {
  const above = dirname(folder)
  return above === folder ? [folder] : [folder, ...foldersUp(above)]
}

export const isTypeScript = (file: string) => /^\.[cm]?ts$/.test(extname(file))

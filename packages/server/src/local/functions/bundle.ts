import { mkdir, stat, symlink } from 'node:fs/promises'
import { dirname, extname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'

export interface BundleOptions {
  /** Default: `esm`. */
  format?: 'esm' | 'cjs'
  /** Packages that the function loads from its node_modules. Default: none. */
  external?: string[]
}

/**
 * Bundles a TypeScript function into `outfile`. Resolves with the source files of the bundle.
 * Rejects with the file and line of a syntax error.
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
  const { metafile } = await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    format,
    external,
    target: 'node20',
    sourcemap: true,
    sourcesContent: false,
    metafile: true,
    logLevel: 'silent',
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
  }).catch(error => {
    throw withHint(error)
  })
  return Object.keys(metafile.inputs).map(input => resolve(input))
}

/** The bundle is in another folder, from which Node would not find the function's packages. */
async function linkPackages(from: string, to: string) {
  for (let folder = from; ; folder = dirname(folder)) {
    const packages = join(folder, 'node_modules')
    if ((await stat(packages).catch(() => undefined))?.isDirectory())
      return symlink(packages, join(to, 'node_modules'), 'junction')
    if (folder === dirname(folder)) return
  }
}

function withHint(error: Error): Error {
  if (!/Could not resolve "@(aws-sdk|smithy)\//.test(error.message)) return error
  const hint =
    'Lambda has the AWS SDK, this machine has not: install it with "npm install --save-dev"'
  return Object.assign(error, { message: `${error.message}\n${hint}` })
}

/**
 * The source files of a JavaScript function: its entry and the files that it imports by path.
 * Rejects with the file and line of a syntax error, which Node does not tell for ES modules. A file
 * that is missing is Node's to report: only the entry is watched then.
 */
export async function importsOf(entry: string): Promise<string[]> {
  const { metafile } = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    metafile: true,
    logLevel: 'silent',
    outdir: join(dirname(entry), 'unused'),
  }).catch((error: Error & { errors?: { text: string }[] }) => {
    if (error.errors?.every(({ text }) => text.startsWith('Could not resolve')))
      return { metafile: { inputs: { [entry]: {} } } }
    throw error
  })
  return Object.keys(metafile.inputs).map(input => resolve(input))
}

export const isTypeScript = (file: string) => /^\.[cm]?ts$/.test(extname(file))

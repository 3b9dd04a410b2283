import { mkdir } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'

/** Bundles a TypeScript function into `outfile`. Resolves with the source files of the bundle. */
export async function bundle(entry: string, outfile: string): Promise<string[]> {
  await mkdir(dirname(outfile), { recursive: true })
  const { metafile } = await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    sourcemap: true,
    sourcesContent: false,
    metafile: true,
    logLevel: 'silent',
    // The function finds files next to its source, not next to the bundle.
    define: { 'import.meta.url': JSON.stringify(pathToFileURL(entry).href) },
    // CommonJS dependencies load Node's modules with `require`.
    banner: {
      js: `import{createRequire as __createRequire}from'node:module';const require=__createRequire(${JSON.stringify(pathToFileURL(entry).href)});`,
    },
  })
  return Object.keys(metafile.inputs).map(input => resolve(input))
}

/** The source files of a function: its entry and the files that it imports by path. */
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
  })
  return Object.keys(metafile.inputs).map(input => resolve(input))
}

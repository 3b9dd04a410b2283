import { mkdtemp, realpath, rm, stat } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, extname, join } from 'node:path'
import { pathToFileURL } from 'node:url'

import { AdminError } from '../errors.ts'

/**
 * The default export of a module, or what it returns where it is a function. TypeScript is loaded
 * by Node (22.18 and later), or bundled with the esbuild of the project.
 */
export async function loadModule(path: string): Promise<unknown> {
  let loaded: { default?: unknown }
  try {
    await stat(path)
    loaded = /^\.[mc]?ts$/.test(extname(path)) ? await importTypeScript(path) : await load(path)
  } catch (cause) {
    if (cause instanceof AdminError) throw cause
    const message = `${path} does not load: ${cause instanceof Error ? cause.message : cause}`
    throw new AdminError('invalid_manifest', message, { cause })
  }
  if (loaded.default === undefined)
    throw new AdminError('invalid_manifest', `${path} has no default export`, {
      hint: 'Write "export default defineManifest({ … })".',
    })
  return typeof loaded.default === 'function' ? await loaded.default() : loaded.default
}

/** Loads the module again when its file has changed. Node keeps what it has loaded by its URL. */
async function load(path: string): Promise<{ default?: unknown }> {
  const { mtimeMs, size } = await stat(path)
  // CommonJS is kept by its path.
  delete createRequire(path).cache[await realpath(path)]
  return import(`${pathToFileURL(path).href}?v=${mtimeMs}-${size}`)
}

async function importTypeScript(path: string): Promise<{ default?: unknown }> {
  if ('typescript' in process.features && process.features.typescript) return load(path)
  const esbuild = await findEsbuild(path)
  if (!esbuild)
    throw new AdminError('invalid_manifest', `Node ${process.version} does not load ${path}`, {
      hint: 'Use Node 22.18 or newer, install esbuild in the project, or write the manifest in JavaScript, YAML or JSON.',
    })
  // Beside the manifest, so that its imports are found.
  const folder = await mkdtemp(join(dirname(path), '.mcp-manifest-'))
  try {
    const outfile = join(folder, 'manifest.mjs')
    await esbuild.build({
      entryPoints: [path],
      outfile,
      bundle: true,
      packages: 'external',
      format: 'esm',
      platform: 'node',
      logLevel: 'silent',
    })
    return await load(outfile)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

interface Esbuild {
  build(options: Record<string, unknown>): Promise<unknown>
}

async function findEsbuild(path: string): Promise<Esbuild | undefined> {
  for (const from of [path, join(process.cwd(), 'manifest.js')])
    try {
      const { href } = pathToFileURL(createRequire(from).resolve('esbuild'))
      const { default: esbuild } = (await import(href)) as { default: Esbuild }
      return esbuild
    } catch {
      // Not installed here.
    }
  return undefined
}

import { realpath, stat } from 'node:fs/promises'
import { createRequire, register } from 'node:module'
import { extname } from 'node:path'
import { pathToFileURL } from 'node:url'

import { AdminError } from '../errors.ts'
import { isRecord } from '../is-record.ts'

/**
 * The default export of a module, or what it returns where it is a function. The module may be
 * TypeScript, and may import TypeScript.
 */
export async function loadModule(path: string): Promise<unknown> {
  try {
    await stat(path)
    if (/^\.[mc]?ts$/.test(extname(path))) registerHooks()
    const exported = defaultOf(await load(path))
    if (typeof exported === 'function') return await exported()
    if (exported !== undefined) return await exported
  } catch (cause) {
    const message = `${path} does not load: ${cause instanceof Error ? cause.message : cause}`
    throw new AdminError('invalid_manifest', message, { cause })
  }
  throw new AdminError('invalid_manifest', `${path} has no default export`, {
    hint: 'Write "export default defineManifest({ … })".',
  })
}

/** CommonJS that was compiled from an ES module has its default export in `default`. */
function defaultOf({ default: exported }: { default?: unknown }): unknown {
  return isRecord(exported) && exported['__esModule'] === true ? exported['default'] : exported
}

/** Loads the module again when its file has changed. Node keeps what it has loaded by its URL. */
async function load(path: string): Promise<{ default?: unknown }> {
  const { mtimeMs, size } = await stat(path)
  // CommonJS is kept by its path.
  delete createRequire(path).cache[await realpath(path)]
  return import(`${pathToFileURL(path).href}?v=${mtimeMs}-${size}`)
}

/** From 22.18 on, unless it is turned off. */
const nodeLoadsTypeScript = 'typescript' in process.features && Boolean(process.features.typescript)
let hasHooks = false

/** Those of typescript-hooks.ts, which each build has as a file of its own. */
function registerHooks() {
  if (nodeLoadsTypeScript || hasHooks) return
  register('./typescript-hooks.js', import.meta.url)
  hasHooks = true
}

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

import { build } from 'tsup'

const root = fileURLToPath(new URL('../..', import.meta.url))

/**
 * Bundles a source file that the packages do not export, and imports it.
 *
 * @param {string} path from the root of the repository
 */
export async function importSource(path) {
  const parent = join(root, '.cache', 'fuzz')
  mkdirSync(parent, { recursive: true })
  const folder = mkdtempSync(`${parent}/`)
  try {
    await build({
      config: false,
      entry: { it: join(root, path) },
      outDir: folder,
      format: 'esm',
      target: 'node20',
      platform: 'node',
      noExternal: [/.*/],
      // One file: it is imported from a folder that is removed.
      splitting: false,
      silent: true,
      outExtension: () => ({ js: '.mjs' }),
      // CommonJS packages load Node's own modules with `require`.
      banner: {
        js: "import{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);",
      },
    })
    return await import(pathToFileURL(join(folder, 'it.mjs')).href)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

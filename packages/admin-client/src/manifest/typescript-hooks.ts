import { readFile } from 'node:fs/promises'
import type { LoadHook } from 'node:module'
import { fileURLToPath } from 'node:url'
import { transform } from 'sucrase'

/**
 * Lets Node load TypeScript where it does not do so itself, before 22.18: types are removed, and
 * nothing is checked. Every file is an ES module, but those of `node_modules`, as in Node itself.
 * https://nodejs.org/api/module.html#loadurl-context-nextload
 */
export const load: LoadHook = async (url, context, nextLoad) => {
  if (!TYPESCRIPT.test(url) || url.includes('/node_modules/')) return nextLoad(url, context)
  const path = fileURLToPath(url)
  const { code } = transform(await readFile(path, 'utf8'), {
    transforms: ['typescript'],
    disableESTransforms: true,
    preserveDynamicImport: true,
    filePath: path,
  })
  return { format: 'module', source: code, shortCircuit: true }
}

const TYPESCRIPT = /^file:[^?#]*\.[mc]?ts(?:[?#]|$)/

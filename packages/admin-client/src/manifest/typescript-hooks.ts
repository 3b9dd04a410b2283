import { readFile } from 'node:fs/promises'
import type { LoadHook } from 'node:module'
import { fileURLToPath } from 'node:url'
import { transform } from 'sucrase'

/**
 * Lets Node load TypeScript where it does not do so itself, before 22.18: types are removed, and
 * nothing is checked. `.cts` is CommonJS, everything else an ES module. Node itself loads none of
 * `node_modules` either.
 * https://nodejs.org/api/module.html#loadurl-context-nextload
 */
export const load: LoadHook = async (url, context, nextLoad) => {
  if (!TYPESCRIPT.test(url) || url.includes('/node_modules/')) return nextLoad(url, context)
  const path = fileURLToPath(url)
  const isCommonJs = path.endsWith('.cts')
  const { code } = transform(await readFile(path, 'utf8'), {
    transforms: isCommonJs ? ['typescript', 'imports'] : ['typescript'],
    disableESTransforms: true,
    preserveDynamicImport: true,
    filePath: path,
  })
  return { format: isCommonJs ? 'commonjs' : 'module', source: code, shortCircuit: true }
}

const TYPESCRIPT = /^file:[^?#]*\.[mc]?ts(?:[?#]|$)/

import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

/** The folder of this package, in a clone or where it is installed. */
const packageFolder = () => dirname(createRequire(import.meta.url).resolve(MANIFEST))

const MANIFEST = '@markvp/mcp-lambda-sam/package.json'

/** The folder of everything that the build makes. */
export const builtFolder = () => join(packageFolder(), 'dist')

/** The text of the template. `onMissing` makes the error to throw when the package is not built. */
export function readTemplateText(onMissing: (file: string) => Error): string {
  const file = join(builtFolder(), 'template.yaml')
  if (!existsSync(file)) throw onMissing(file)
  return readFileSync(file, 'utf8')
}

/**
 * The folder of the code that a `CodeUri` of the template names, in the folder `built`. The
 * template names it as the repository does; only the part after `dist/` is the same in the package.
 */
export const codeFolder = (built: string, codeUri: string) =>
  join(built, codeUri.replace(/^.*\bdist\//, ''))

import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, relative, sep } from 'node:path'
import { zipSync } from 'fflate'

import { DeployError } from './errors.ts'
import { readTemplate, type Template } from './template.ts'

/** What is deployed: the template and the code of its functions, as this package carries them. */
export interface Assets {
  template: Template
  bundles: Bundle[]
}

export interface Bundle {
  /** Of the function, in the template. */
  logicalId: string
  /** In the bucket; the same content always has the same. */
  key: string
  zip: Uint8Array
}

/** Finds them beside the code that is running, wherever it was installed. */
export function readAssets(): Assets {
  const dist = join(dirname(createRequire(import.meta.url).resolve(PACKAGE)), 'dist')
  const file = join(dist, 'template.yaml')
  if (!existsSync(file)) throw notBuilt(file)
  const template = readTemplate(readFileSync(file, 'utf8'))
  return {
    template,
    bundles: Object.entries(template.code).map(([logicalId, uri]) => {
      // In the repository the template stands above the packages, in the package beside the code.
      const folder = join(dist, uri.replace(/^.*\bdist\//, ''))
      if (!existsSync(folder)) throw notBuilt(folder)
      return bundle(logicalId, folder)
    }),
  }
}

const PACKAGE = '@markvp/mcp-lambda-sam/package.json'

function notBuilt(missing: string) {
  return new DeployError(
    'not_built',
    `${missing} is missing`,
    'In a clone, run "npm run build" first; an installed package without it is broken: install it again.',
  )
}

/** The zip of a folder. Neither time nor machine changes a byte of it, so a second deployment finds its key. */
export function bundle(logicalId: string, folder: string): Bundle {
  const zip = zipSync(
    Object.fromEntries(filesOf(folder).map(path => [slashed(folder, path), readFileSync(path)])),
    // Lambda's user must be able to read what it unpacks.
    { level: 9, mtime: EPOCH, os: UNIX, attrs: 0o644 << 16 },
  )
  const hash = createHash('sha256').update(zip).digest('hex')
  return { logicalId, key: `mcp-lambda-sam/${hash}.zip`, zip }
}

// Zip knows no time zone: these are the fields of local time.
const EPOCH = new Date(1980, 0, 1)
const UNIX = 3

function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(({ parentPath, path, name }) => join(parentPath ?? path, name))
    .sort((one, other) => (slashed(folder, one) < slashed(folder, other) ? -1 : 1))
}

const slashed = (folder: string, path: string) => relative(folder, path).split(sep).join('/')

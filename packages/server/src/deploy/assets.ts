import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { zipSync } from 'fflate'

import { builtFolder, codeFolder, readTemplateText } from '../built-package.ts'
import { DeployError } from './errors.ts'
import { readTemplate, type Template } from './template.ts'

/** The template and the code of its functions, both from this package. */
export interface Assets {
  template: Template
  bundles: Bundle[]
}

export interface Bundle {
  /** The logical id of the function in the template. */
  logicalId: string
  /** The key in the bucket. The same content always has the same key. */
  key: string
  zip: Uint8Array
}

/** Reads the template, and packs the code of each function that it has. */
export function readAssets(): Assets {
  const template = readTemplate(readTemplateText(notBuilt))
  return {
    template,
    bundles: Object.entries(template.code).map(([logicalId, codeUri]) => {
      const folder = codeFolder(builtFolder(), codeUri)
      if (!existsSync(folder)) throw notBuilt(folder)
      return bundle(logicalId, folder)
    }),
  }
}

const notBuilt = (missing: string) => new DeployError('not_built', `${missing} does not exist`)

/**
 * Packs a folder. The bytes depend on the files alone, not on the time or the machine, so that the
 * next deployment finds the same key in the bucket.
 */
export function bundle(logicalId: string, folder: string): Bundle {
  const zip = zipSync(
    Object.fromEntries(filesOf(folder).map(path => [slashed(folder, path), readFileSync(path)])),
    // The user that Lambda runs as must be able to read the files.
    { level: 9, mtime: EPOCH, os: UNIX, attrs: 0o644 << 16 },
  )
  const hash = createHash('sha256').update(zip).digest('hex')
  return { logicalId, key: `mcp-lambda-sam/${hash}.zip`, zip }
}

// A zip file has no time zone: it holds the fields of the local time.
const EPOCH = new Date(1980, 0, 1)
const UNIX = 3

function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(({ parentPath, path, name }) => join(parentPath ?? path, name))
    .sort((one, other) => (slashed(folder, one) < slashed(folder, other) ? -1 : 1))
}

const slashed = (folder: string, path: string) => relative(folder, path).split(sep).join('/')

import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'

import { isRecord } from '../../is-record.ts'

/**
 * The Node.js runtime that the project of a folder names: in `.nvmrc`, `.node-version` or
 * `engines.node` of package.json, in the folder or the nearest one above it. Undefined if none
 * does.
 */
export async function projectRuntime(folder: string): Promise<string | undefined> {
  for (let parent = folder; ; parent = dirname(parent)) {
    const texts = await Promise.all([
      textOf(join(parent, '.nvmrc')),
      textOf(join(parent, '.node-version')),
      enginesOf(join(parent, 'package.json')),
    ])
    const major = texts.map(text => ONE_MAJOR.exec(text?.trim() ?? '')?.[1]).find(Boolean)
    if (major !== undefined) return `nodejs${major}.x`
    if (parent === dirname(parent)) return undefined
  }
}

/** `22`, `v22.1.0`, `22.x`, `^22` – but not `>=20`, which names no runtime. */
const ONE_MAJOR = /^[v^~=]?(\d+)(?:\.[\dx*]+)*$/

const textOf = (file: string) => readFile(file, 'utf8').catch(() => undefined)

async function enginesOf(file: string): Promise<string | undefined> {
  try {
    const { engines } = JSON.parse((await textOf(file)) ?? '{}')
    return isRecord(engines) ? String(engines['node'] ?? '') : undefined
  } catch {
    // Node itself reports a package.json that is not JSON.
    return undefined
  }
}

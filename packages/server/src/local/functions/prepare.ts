import { basename, dirname, extname, join } from 'node:path'

import { NEWEST_NODE_RUNTIME, type PythonInterpreter } from '../lambda-function.ts'
import { type BundleOptions, bundle, importsOf, isTypeScript } from './bundle.ts'
import { projectRuntime } from './project-runtime.ts'

/** The code of a JavaScript or TypeScript function, ready to run. */
export interface PreparedCode {
  /** The folder of the module, and its name without extension. */
  root: string
  module: string
  runtime: string
  /** The files to watch. */
  files: string[]
}

/** Bundles TypeScript into `folder`. Rejects with file and line where it cannot be bundled. */
export async function prepareNode(
  entry: string,
  folder: string,
  options?: BundleOptions,
): Promise<PreparedCode> {
  const runtime = (await projectRuntime(dirname(entry))) ?? NEWEST_NODE_RUNTIME
  if (!isTypeScript(entry)) {
    const files = await importsOf(entry)
    return { root: dirname(entry), module: moduleOf(entry), runtime, files }
  }
  const outfile = join(folder, options?.format === 'cjs' ? 'index.cjs' : 'index.mjs')
  const files = await bundle(entry, outfile, options)
  return { root: folder, module: 'index', runtime, files }
}

export const moduleOf = (file: string) => basename(file, extname(file))

/** A message for a runtime of Python that is not the one of this machine. */
export function otherVersion(runtime: string, { version }: PythonInterpreter): string | undefined {
  const wanted = /^python(\d+\.\d+)$/.exec(runtime)?.[1]
  if (wanted === undefined || wanted === version) return undefined
  return `The function names ${runtime} and runs on Python ${version}: choose another one with --python`
}

import { readdir, stat } from 'node:fs/promises'
import { basename, dirname, extname, join } from 'node:path'

import { bundle, importsOf } from './bundle.ts'
import type { LambdaFunction } from './lambda-function.ts'
import type { Log } from './log.ts'

/** The functions in the developer's folder. Each call reads the folder again. */
export interface FunctionDiscovery {
  /** Bundles and logs all functions, so that an error shows before the first call. */
  prepare(log: Log): Promise<void>
  has(name: string): Promise<boolean>
  /** Returns the same object until a file changes. Rejects when TypeScript cannot be bundled. */
  find(name: string): Promise<LambdaFunction | undefined>
}

const EXTENSIONS = ['.mjs', '.js', '.ts']
const NAME = /^[\w-]{1,64}$/

interface DiscoveredFunction {
  entry: string
  files: string[]
  fingerprint: string
  fn: LambdaFunction
}

/**
 * Each file `NAME.mjs|js|ts`, and each folder NAME with such an index, is a function. Bundles are
 * written to `temporary`. `timeout` is in seconds.
 */
export function discoverFunctions(
  folder: string,
  temporary: string,
  timeout: number,
): FunctionDiscovery {
  const discovered = new Map<string, Promise<DiscoveredFunction | undefined>>()
  let builds = 0

  return {
    async prepare(log) {
      const files = (await readdir(folder)).map(file => basename(file, extname(file)))
      const names: string[] = []
      for (const name of new Set(files)) {
        const error = await this.find(name).then(fn => void (fn && names.push(name)), String)
        if (error) log({ level: 'error', functionName: name, message: error })
      }
      log({ level: 'info', message: `Functions in ${folder}: ${names.join(', ') || 'none yet'}` })
    },
    has: async name => (await locate(name)) !== undefined,
    async find(name) {
      // Each call waits for the one before, so that simultaneous calls share one build.
      const before = discovered.get(name)?.catch(() => undefined)
      const now = Promise.resolve(before).then(last => refresh(name, last))
      discovered.set(name, now)
      return (await now)?.fn
    },
  }

  async function locate(name: string): Promise<string | undefined> {
    if (!NAME.test(name)) return undefined
    const candidates = EXTENSIONS.flatMap(end => [
      join(folder, name + end),
      join(folder, name, `index${end}`),
    ])
    for (const path of candidates) if (await isFile(path)) return path
    return undefined
  }

  async function refresh(
    name: string,
    last: DiscoveredFunction | undefined,
  ): Promise<DiscoveredFunction | undefined> {
    const entry = await locate(name)
    if (!entry) return undefined
    if (last?.entry === entry && last.fingerprint === (await fingerprint(last.files))) return last

    const extension = extname(entry)
    const outfile = join(temporary, name, String(++builds), 'index.mjs')
    const files =
      extension === '.ts'
        ? await bundle(entry, outfile)
        : // Node may run what esbuild cannot parse. Then only the entry is watched for changes.
          await importsOf(entry).catch(() => [entry])
    const code = extension === '.ts' ? outfile : entry
    return {
      entry,
      files,
      fingerprint: await fingerprint(files),
      fn: {
        name,
        handler: `${basename(code, extname(code))}.handler`,
        root: dirname(code),
        directory: dirname(entry),
        timeout,
        memory: 128,
        variables: { NODE_OPTIONS: '--enable-source-maps' },
      },
    }
  }
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() ?? false
}

/** Changes when one of the files changes. */
async function fingerprint(files: string[]): Promise<string> {
  const states = await Promise.all(
    files.map(file =>
      stat(file).then(
        ({ mtimeMs, size }) => `${mtimeMs}/${size}`,
        () => 'deleted',
      ),
    ),
  )
  return states.join()
}

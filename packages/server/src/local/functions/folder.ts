import { readdir } from 'node:fs/promises'
import { dirname, extname, join, relative } from 'node:path'

import type { LambdaFunction } from '../lambda-function.ts'
import type { Log } from '../log.ts'
import { BrokenCode } from './broken-code.ts'
import { fingerprint } from './fingerprint.ts'
import { exportsHandler } from './javascript-exports.ts'
import { moduleOf, prepareNode } from './prepare.ts'
import type { PythonReader } from './python.ts'
import type { FoundFunction, FunctionSource } from './source.ts'
import { statsOf } from './stats-of.ts'

export interface FolderOptions {
  /** Where bundles are written. */
  temporary: string
  /** Seconds. */
  timeout: number
  python: PythonReader
  /** Adds what all functions have. */
  complete(fn: LambdaFunction): LambdaFunction
  log: Log
}

const JAVASCRIPT = ['.mjs', '.js', '.cjs', '.ts', '.mts']
const EXTENSIONS = [...JAVASCRIPT, '.py']
const NAME = /^[\w-]{1,64}$/
/** Files that a function's folder begins with. AWS calls the Python one lambda_function. */
const ENTRIES = new Set([...EXTENSIONS.map(end => `index${end}`), 'lambda_function.py'])

/** Tests are no functions, nor is what package managers install. */
const IGNORED = /^(node_modules|venv|env|tests?|__\w+__|conftest|setup|test_.*|.*_test)$/

interface Discovered {
  fingerprint: string
  files: string[]
  found: FoundFunction | undefined
}

/**
 * Each file `NAME.mjs|js|cjs|ts|mts|py` that exports a handler, and each folder NAME with such an
 * index, is a function.
 */
export function folderSource(folder: string, options: FolderOptions): FunctionSource {
  const { temporary, timeout, python, complete, log } = options
  const discovered = new Map<string, Promise<Discovered | undefined>>()
  /** Folders that a warning has named. */
  const unreadable = new Set<string>()
  let builds = 0
  let isPythonMissing = false

  return {
    place: folder,
    async read() {
      const found = await Promise.all((await names()).map(refresh))
      return found.filter(it => it !== undefined)
    },
    has: async name => (await refresh(name)) !== undefined,
    async find(name) {
      const found = await refresh(name)
      if (found && 'problem' in found) throw new Error(found.problem)
      return found?.fn
    },
  }

  async function names(): Promise<string[]> {
    const found = new Set<string>()
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name)
      // A link says what it leads to only when it is followed.
      const isFolder = entry.isSymbolicLink() ? isDirectory(path) : entry.isDirectory()
      const name = isFolder ? entry.name : moduleOf(entry.name)
      if (!isName(name) || found.has(name)) continue
      const isCode = isFolder
        ? (await entriesOf(path)).some(it => ENTRIES.has(it))
        : EXTENSIONS.includes(extname(entry.name))
      if (isCode) found.add(name)
    }
    return [...found].sort()
  }

  async function entriesOf(path: string): Promise<string[]> {
    try {
      return await readdir(path)
    } catch (error) {
      if (!unreadable.has(path))
        log({ level: 'warn', message: `${path} is no function: ${messageOf(error)}` })
      unreadable.add(path)
      return []
    }
  }

  function candidatesOf(name: string): string[] {
    if (!isName(name)) return []
    const paths = [
      ...EXTENSIONS.map(end => join(folder, name + end)),
      ...[...ENTRIES].map(it => join(folder, name, it)),
    ]
    return paths.filter(path => statsOf(path)?.isFile())
  }

  /** Each call waits for the one before, so that simultaneous calls share one build. */
  async function refresh(name: string): Promise<FoundFunction | undefined> {
    const before = discovered.get(name)
    const now = Promise.resolve(before?.catch(() => undefined)).then(last => inspect(name, last))
    discovered.set(name, now)
    const state = await now
    // A caller may ask for any name.
    if (!state && discovered.get(name) === now) discovered.delete(name)
    return state?.found
  }

  async function inspect(
    name: string,
    last: Discovered | undefined,
  ): Promise<Discovered | undefined> {
    const entries = candidatesOf(name)
    if (entries.length === 0) return undefined
    if (last && last.fingerprint === fingerprintOf(entries, last.files)) return last
    const states = await Promise.all(entries.map(it => read(name, it)))
    const functions = states.filter(it => it.found !== undefined)
    const files = [...new Set(states.flatMap(it => it.files))]
    const clash = functions.length > 1 && {
      name,
      problem: `Two files make the function ${name}: ${functions.map(it => relative(folder, it.entry)).join(' and ')}. Rename or remove one of them`,
    }
    const found = clash || functions[0]?.found
    return { files, fingerprint: fingerprintOf(entries, files), found }
  }

  async function read(
    name: string,
    entry: string,
  ): Promise<{ entry: string; files: string[]; found: FoundFunction | undefined }> {
    try {
      const found = extname(entry) === '.py' ? readPython(name, entry) : readNode(name, entry)
      return { entry, ...(await found) }
    } catch (error) {
      const files = error instanceof BrokenCode ? error.files : [entry]
      return { entry, files, found: { name, problem: messageOf(error) } }
    }
  }

  async function readNode(name: string, entry: string) {
    const { isHandler, files: exporting } = await exportsHandler(entry)
    if (!isHandler) return { files: exporting, found: undefined }
    const { root, module, runtime, files } = await prepareNode(
      entry,
      join(temporary, name, String(++builds)),
    )
    const fn: LambdaFunction = {
      ...functionAt(name, entry),
      handler: `${module}.handler`,
      root,
      runtime,
    }
    return { files, found: { name, fn: complete(fn), file: entry } }
  }

  async function readPython(name: string, entry: string) {
    const read = await python.read(entry, dirname(entry))
    if (!read) {
      if (!isPythonMissing)
        log({
          level: 'warn',
          message: `Python files are no functions here: this machine has no python3. Install it, or name one with --python. The first file is ${entry}`,
        })
      isPythonMissing = true
      return { files: [entry], found: undefined }
    }
    const { problem, handler, description, files = [entry] } = read.file
    if (problem) return { files, found: { name, problem } }
    if (!handler) return { files, found: undefined }
    const fn: LambdaFunction = {
      ...functionAt(name, entry),
      handler: `${moduleOf(entry)}.${handler}`,
      runtime: `python${read.interpreter.version}`,
      python: read.interpreter,
    }
    const found = { name, fn: complete(fn), file: entry }
    return { files, found: { ...found, ...(description && { description }) } }
  }

  function functionAt(name: string, entry: string) {
    const directory = dirname(entry)
    return { name, root: directory, directory, timeout, memory: 128, variables: {}, handler: '' }
  }
}

const isName = (name: string) => NAME.test(name) && !IGNORED.test(name)

const fingerprintOf = (entries: string[], files: string[]) =>
  `${entries}\n${fingerprint([...new Set([...entries, ...files])])}`

const isDirectory = (path: string) => statsOf(path)?.isDirectory() ?? false

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error))

import { mkdir, writeFile } from 'node:fs/promises'
import { basename, dirname, extname, join, resolve } from 'node:path'

import type { LambdaFunction } from '../lambda-function.ts'
import type { Log } from '../log.ts'
import { BrokenCode } from './broken-code.ts'
import { isTypeScript } from './bundle.ts'
import { fingerprint } from './fingerprint.ts'
import { firstFile } from './first-file.ts'
import { moduleOf, otherVersion, type PreparedCode, prepareNode } from './prepare.ts'
import type { PythonReader } from './python.ts'
import type { FoundFunction, FunctionSource } from './source.ts'

/** A function as a template or a manifest names it. */
export interface ConfiguredFunction {
  name: string
  /** How the file calls it, for messages. */
  title: string
  code: /** A folder, and the handler in it as Lambda names it. */
    | { folder: string; handler: string }
    /** A file, or a folder with an index, that exports `handler`. */
    | { file: string }
    | { inline: string; handler: string }
  /** Default: what the project, or the file, says. */
  runtime?: string
  /** Seconds. */
  timeout: number
  /** Megabytes. */
  memory: number
  concurrency?: number
  /** Whether a template says so. Undefined where nothing does. */
  isolatesTenants?: boolean
  variables: Record<string, string>
  esbuild?: EsbuildProperties
  logging?: { format: 'JSON' | 'Text'; level?: string }
}

/** https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/serverless-sam-cli-using-build-typescript.html */
export interface EsbuildProperties {
  entryPoints: string[]
  format: 'esm' | 'cjs'
  external: string[]
}

export interface Configuration {
  functions: ConfiguredFunction[]
  /** What does not run here, or not as it does on AWS. */
  warnings: string[]
}

export interface ConfiguredSourceOptions {
  /** The file with the configuration, to which paths are relative. */
  file: string
  /** Reads the file. */
  load(): Promise<Configuration>
  /** Where bundles are written. */
  temporary: string
  python: PythonReader
  /** Adds what all functions have. */
  complete(fn: LambdaFunction): LambdaFunction
  log: Log
}

interface Prepared {
  fingerprint: string
  files: string[]
  found: FoundFunction
}

/** The functions that a file names, each with its settings. */
export function configuredSource(options: ConfiguredSourceOptions): FunctionSource {
  const { file, load, temporary, python, complete, log } = options
  const folder = dirname(file)
  const prepared = new Map<string, Promise<Prepared>>()
  const warned = new Set<string>()
  let read: { fingerprint: string; functions: Map<string, ConfiguredFunction> } | undefined
  let builds = 0

  return {
    place: file,
    async read() {
      const names = [...(await functions()).keys()]
      return Promise.all(names.map(async name => (await refresh(name)) as FoundFunction))
    },
    has: async name => (await functions()).has(name),
    async find(name) {
      const found = await refresh(name)
      if (found && 'problem' in found) throw new Error(found.problem)
      return found?.fn
    },
  }

  /** By name. The file is read again when it has changed. */
  async function functions(): Promise<Map<string, ConfiguredFunction>> {
    const state = fingerprint([file])
    if (read?.fingerprint === state) return read.functions
    const { functions, warnings } = await load().catch(error => {
      // A file that is being written: the functions stay as they were.
      if (!read) throw error
      warn(`${error.message}. ${error.hint ?? ''}`)
      return { functions: [...read.functions.values()], warnings: [] }
    })
    for (const it of warnings) warn(it)
    const byName = new Map<string, ConfiguredFunction>()
    for (const fn of functions) {
      const other = byName.get(fn.name)
      if (other) warn(`${fn.title} and ${other.title} have the same name, ${fn.name}: rename one`)
      else byName.set(fn.name, fn)
    }
    read = { fingerprint: state, functions: byName }
    prepared.clear()
    return byName
  }

  function warn(message: string) {
    if (warned.has(message)) return
    warned.add(message)
    log({ level: 'warn', message })
  }

  /** Each call waits for the one before, so that simultaneous calls share one build. */
  async function refresh(name: string): Promise<FoundFunction | undefined> {
    const fn = (await functions()).get(name)
    if (!fn) return undefined
    const before = prepared.get(name)
    const now = Promise.resolve(before?.catch(() => undefined)).then(last => inspect(fn, last))
    prepared.set(name, now)
    return (await now).found
  }

  async function inspect(fn: ConfiguredFunction, last: Prepared | undefined): Promise<Prepared> {
    if (last && last.fingerprint === fingerprint(last.files)) return last
    const { files, found } = await prepare(fn).catch(async (error: Error) => ({
      files: error instanceof BrokenCode ? error.files : await entryOf(fn),
      found: { name: fn.name, problem: `${fn.title}: ${error.message}` },
    }))
    return { files, found, fingerprint: fingerprint(files) }
  }

  async function entryOf(fn: ConfiguredFunction): Promise<string[]> {
    const located = await locate(fn).catch(() => undefined)
    return located ? [located.entry] : []
  }

  async function prepare(
    fn: ConfiguredFunction,
  ): Promise<{ files: string[]; found: FoundFunction }> {
    const { entry, directory, handler } = await locate(fn)
    const isPython = extname(entry) === '.py'
    if (fn.runtime && isPython !== fn.runtime.startsWith('python'))
      throw new Error(`its runtime is ${fn.runtime}, and its handler is in ${entry}`)
    const { name, timeout, memory, concurrency, isolatesTenants, logging, variables } = fn
    const common = {
      ...{ name, timeout, memory, variables, directory },
      ...(concurrency !== undefined && { concurrency }),
      ...(isolatesTenants !== undefined && { isolatesTenants }),
      ...(logging && { logging }),
    }
    if (isPython) return preparePython(fn, entry, { ...common, root: directory }, handler)

    const { format, external = [] } = fn.esbuild ?? { format: 'file' in fn.code ? 'esm' : 'cjs' }
    const outfolder = join(temporary, name, String(++builds))
    const code = await prepareNode(entry, outfolder, { format, external })
    return found(entry, code.files, {
      ...common,
      ...nodeHandler(entry, directory, handler, code),
      runtime: fn.runtime ?? code.runtime,
    })
  }

  async function preparePython(
    fn: ConfiguredFunction,
    entry: string,
    common: Omit<LambdaFunction, 'handler'>,
    handler: string | undefined,
  ): Promise<{ files: string[]; found: FoundFunction }> {
    const read = await python.read(entry, common.directory)
    if (!read) throw new Error(NO_PYTHON)
    const { problem, files = [entry], description, handler: own } = read.file
    if (problem) throw new BrokenCode(problem, files)
    if (!handler && !own) throw new BrokenCode(`${entry} defines no handler`, files)
    const runtime = fn.runtime ?? `python${read.interpreter.version}`
    const version = otherVersion(runtime, read.interpreter)
    if (version) warn(`${fn.title}: ${version}`)
    const interpreter = { runtime, python: read.interpreter }
    const ready = { ...common, ...interpreter, handler: handler ?? `${moduleOf(entry)}.${own}` }
    return found(entry, files, ready, description ?? undefined)
  }

  /** The file with the handler. */
  async function locate(
    fn: ConfiguredFunction,
  ): Promise<{ entry: string; directory: string; handler?: string }> {
    const { code } = fn
    if ('file' in code) {
      const path = resolve(folder, code.file)
      const candidates = [path, ...INDEXES.map(it => join(path, it))]
      const entry = firstFile(candidates)
      if (!entry) throw new BrokenCode(`${path} does not exist, or has no index file`, candidates)
      return { entry, directory: dirname(entry) }
    }
    const { handler } = code
    const directory = 'inline' in code ? await inlineFolder(fn) : resolve(folder, code.folder)
    const candidates = handlerFiles(directory, handler, fn.esbuild)
    const entry = firstFile(candidates)
    if (!entry)
      throw new BrokenCode(
        `there is no file for the handler ${handler} in ${directory}: build the project first, or correct the handler or the folder`,
        candidates,
      )
    return { entry, directory, handler }
  }

  async function inlineFolder({ name, code, runtime = '' }: ConfiguredFunction): Promise<string> {
    const directory = join(temporary, name, 'inline')
    await mkdir(directory, { recursive: true })
    const index = join(directory, runtime.startsWith('python') ? 'index.py' : 'index.js')
    await writeFile(index, 'inline' in code ? code.inline : '')
    return directory
  }

  function found(file: string, files: string[], fn: LambdaFunction, description?: string) {
    const found = { name: fn.name, fn: complete(fn), file }
    return { files, found: { ...found, ...(description && { description }) } }
  }
}

/** Where the runtime finds the export: a bundle is in a folder of its own. */
function nodeHandler(
  entry: string,
  directory: string,
  handler: string | undefined,
  { module, root }: PreparedCode,
): Pick<LambdaFunction, 'handler' | 'root'> {
  if (!handler) return { handler: `${module}.handler`, root }
  if (!isTypeScript(entry)) return { handler, root: directory }
  const [, path = ''] = /^[^.]*\.(.*)$/.exec(basename(handler)) ?? []
  return { handler: `${module}.${path}`, root }
}

/** The files that Lambda would load, or the TypeScript that esbuild makes one of. */
function handlerFiles(
  directory: string,
  handler: string,
  esbuild: EsbuildProperties | undefined,
): string[] {
  const [, module = ''] = /^([^.]*)\./.exec(basename(handler)) ?? []
  const path = join(directory, dirname(handler), module)
  const points = (esbuild?.entryPoints ?? [])
    .filter(it => moduleOf(it) === module)
    .map(it => join(directory, it))
  const script = ['.js', '.mjs', '.cjs']
  const ends = esbuild ? ['.ts', '.mts', ...script] : [...script, '.ts', '.mts']
  // Python names packages with dots.
  const python = join(directory, ...handler.split(/[./]/).slice(0, -1))
  return [...points, ...ends.map(end => path + end), `${python}.py`, join(python, '__init__.py')]
}

const INDEXES = ['.mjs', '.js', '.cjs', '.ts', '.mts', '.py'].map(end => `index${end}`)

const NO_PYTHON = 'this machine has no python3: install it, or name one with --python'

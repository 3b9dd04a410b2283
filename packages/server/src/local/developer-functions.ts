import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { AdminClientOptions } from '@markvp/mcp-lambda-sam-admin-client'

import type { Events } from './events.ts'
import { nodeOptions, passedVariables } from './function-variables.ts'
import { configuredSource } from './functions/configured-source.ts'
import { folderSource } from './functions/folder.ts'
import { pythonReader } from './functions/python.ts'
import { selfDescription } from './functions/self-description.ts'
import type { FunctionSource } from './functions/source.ts'
import type { LambdaFunction } from './lambda-function.ts'
import type { Log } from './log.ts'
import { readManifest } from './manifest.ts'
import type { Processes } from './processes.ts'
import { registrar } from './registrar.ts'
import { loadTemplate } from './template/load.ts'

/** Where the functions of the developer are. */
export type FunctionPlace =
  | { folder: string }
  /** `parameters` are values of the template's parameters, by name. */
  | { template: string; parameters?: Record<string, string> }
  | { manifest: string }

export interface DeveloperOptions {
  /** The variables that lead to AWS, or keep from it. */
  aws: Record<string, string>
  /** Variables that win over all others. */
  variables: Record<string, string>
  /** Seconds, for functions that name no timeout. */
  timeout: number
  python: string | undefined
  inspect: number | undefined
  /** The folder of the built runtimes. */
  runtime: string
  temporary: string
  processes: Processes
  log: Log
}

export interface DeveloperFunctions {
  source: FunctionSource
  start(options: StartOptions): Watch
}

interface StartOptions {
  /** The gateway's registration API. Absent: nothing is registered. */
  admin?: AdminClientOptions
  /** Starts a process of the function. */
  prepare(name: string): Promise<void>
  events: Events
}

/** Watches the code of the functions. */
interface Watch {
  /** The functions that are there now are registered. */
  isReady: Promise<void>
  close(): Promise<void>
}

/** Milliseconds between two looks at the files: soon enough for a person who saves one. */
const INTERVAL = 700

/** The label of registrations that the local gateway makes. */
const OWNER = 'local'

export function developerFunctions(
  place: string | FunctionPlace | undefined,
  options: DeveloperOptions,
): DeveloperFunctions | undefined {
  if (place === undefined) return undefined
  const { log, runtime, processes } = options
  const at = typeof place === 'string' ? { folder: place } : place
  const manifest = 'manifest' in at ? readManifest(resolve(at.manifest), options) : undefined
  const source = sourceOf()
  return { source, start }

  function start({ admin, prepare, events }: StartOptions): Watch {
    const ending = new AbortController()
    const sync = admin ? registering(admin, events) : undefined
    const isReady = once()
    // Who awaits isReady gets the error.
    const ended = isReady.then(watch).catch(() => {})
    return {
      isReady,
      async close() {
        ending.abort()
        await ended
      },
    }

    async function once() {
      await report(sync === undefined)
      await sync?.()
      await inspected()
    }

    async function watch() {
      while (!ending.signal.aborted) {
        await sleep(INTERVAL, undefined, { signal: ending.signal, ref: false }).catch(() => {})
        if (ending.signal.aborted) return
        await sync?.()
        await inspected()
      }
    }

    /** A debugger attaches before the first call. A function may never be ready: nothing waits. */
    async function inspected() {
      if (options.inspect === undefined) return
      const found = await source.read().catch(() => [])
      for (const it of found) if ('fn' in it && !it.fn.python) void prepare(it.name)
    }
  }

  /** `withProblems`: otherwise the registrar reports them. */
  async function report(withProblems: boolean) {
    const found = await source.read()
    const runnable = found.filter(it => 'fn' in it).map(it => it.name)
    for (const it of found)
      if (withProblems && 'problem' in it)
        log({ level: 'error', functionName: it.name, message: it.problem })
    const names = runnable.join(', ') || 'none yet'
    log({ level: 'info', message: `Functions in ${source.place}: ${names}` })
  }

  function registering(options: AdminClientOptions, events: Events) {
    const script = join(runtime, 'describe.js')
    const { sync } = registrar({
      source,
      ...(manifest && { named: manifest.registrations }),
      describe: fn => selfDescription(fn, { script, processes, log }),
      // Loaded when it is needed: a gateway without functions starts sooner.
      admin: () =>
        import('@markvp/mcp-lambda-sam-admin-client').then(it => it.createAdminClient(options)),
      owner: OWNER,
      events,
      log,
    })
    return sync
  }

  function sourceOf(): FunctionSource {
    const { temporary, timeout } = options
    const inspectPort = inspectPorts()
    const complete = (fn: LambdaFunction): LambdaFunction => {
      const port = fn.python ? undefined : inspectPort(fn.name)
      const variables = environment(fn.variables)
      return { ...fn, variables, ...(port !== undefined && { inspectPort: port }) }
    }
    const script = join(runtime, 'exports.py')
    const path = resolve('folder' in at ? at.folder : 'template' in at ? at.template : at.manifest)
    const root = 'folder' in at ? path : resolve(path, '..')
    const python = pythonReader(script, root, options.python)
    const common = { temporary, python, complete, log }
    if ('folder' in at) return folderSource(path, { ...common, timeout })
    if ('template' in at)
      return configuredSource({
        ...common,
        file: path,
        load: () => loadTemplate(path, at.parameters ?? {}),
      })
    const { configuration } = manifest ?? readManifest(path, options)
    return configuredSource({ ...common, file: path, load: configuration })
  }

  function environment(own: Record<string, string>): Record<string, string> {
    const { aws, variables } = options
    const all = { ...passedVariables(), ...aws, ...own, ...variables }
    return { ...all, NODE_OPTIONS: nodeOptions(all['NODE_OPTIONS']) }
  }

  /** Each function keeps its port, so that a debugger finds it again. */
  function inspectPorts(): (name: string) => number | undefined {
    const ports = new Map<string, number>()
    return name => {
      if (options.inspect === undefined) return undefined
      const port = ports.get(name) ?? (options.inspect && options.inspect + ports.size)
      ports.set(name, port)
      return port
    }
  }
}

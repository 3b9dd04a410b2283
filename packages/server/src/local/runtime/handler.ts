import { statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

import { STREAMING } from './globals.ts'

export interface Handler {
  call(...args: unknown[]): unknown
  streaming: boolean
  /** A runtime before Node.js 24, whose handlers may take a callback. */
  takesCallback: boolean
}

type HandlerFunction = ((...args: unknown[]) => unknown) & { [STREAMING]?: unknown }

/** Loads `folder/module.export` below `root` with the rules and errors of Lambda's nodejs24.x. */
export async function loadHandler(root: string, name: string): Promise<Handler> {
  if (name.includes('..'))
    throw initError('MalformedHandlerName', `'${name}' is not a valid handler name.`)
  const [, module, path] = /^([^.]*)\.(.*)$/.exec(basename(name)) ?? []
  if (!module || !path) throw initError('MalformedHandlerName', 'Bad handler')

  const loaded = await load(resolve(root, dirname(name)), module)
  const handler = find(loaded, path) ?? find((loaded as { default?: unknown }).default, path)
  if (handler === undefined)
    throw initError('HandlerNotFound', `${name} is undefined or not exported`)
  if (typeof handler !== 'function') throw initError('HandlerNotFound', `${name} is not a function`)
  return checked(handler as HandlerFunction)
}

async function load(folder: string, module: string): Promise<unknown> {
  const file = ['', '.js', '.mjs', '.cjs'].map(end => join(folder, module + end)).find(isFile)
  try {
    if (file) return await import(pathToFileURL(file).href)
    const require = createRequire(import.meta.url)
    return require(require.resolve(module, { paths: [folder] }))
  } catch (error) {
    if (error instanceof SyntaxError) {
      const wrapped = initError('UserCodeSyntaxError', String(error))
      throw Object.assign(wrapped, { stack: error.stack })
    }
    if (error instanceof Error && 'code' in error && error.code === 'MODULE_NOT_FOUND')
      throw initError('ImportModuleError', String(error))
    throw error
  }
}

const isFile = (path: string) => statSync(path, { throwIfNoEntry: false })?.isFile() ?? false

function find(scope: unknown, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>(
      (value, key) =>
        value && typeof value === 'object' ? (value as Record<string, unknown>)[key] : undefined,
      scope,
    )
}

function checked(handler: HandlerFunction): Handler {
  const mode = handler[STREAMING]
  if (mode && mode !== 'response')
    throw initError('MalformedStreamingHandler', 'Only response streaming is supported.')
  const major = Number(/nodejs(\d+)/.exec(process.env['AWS_EXECUTION_ENV'] ?? '')?.[1] ?? 24)
  const takesCallback = major < 24
  if (!mode && !takesCallback && handler.length >= 3)
    throw initError(
      'CallbackHandlerDeprecated',
      `AWS Lambda has no callback-based function handlers from Node.js 24 on, and this function runs as nodejs${major}.x: return a promise instead, or name an older runtime in the template or in "engines" of package.json. See https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html`,
    )
  return { call: handler, streaming: Boolean(mode), takesCallback }
}

const initError = (type: string, message: string) =>
  Object.assign(new Error(message), { name: `Runtime.${type}` })

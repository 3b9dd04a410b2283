import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

import { LocalError } from '../local/errors.ts'
import { BrokenCode } from '../local/functions/broken-code.ts'

/**
 * The exports of a function's file. TypeScript is bundled first, as the local gateway does. Rejects
 * with a `LocalError` that names the file and the line.
 */
export async function loadFunctionFile(file: string): Promise<Record<string, unknown>> {
  try {
    return /\.[cm]?ts$/.test(file)
      ? await importTypeScript(file)
      : await import(pathToFileURL(resolve(file)).href)
  } catch (error) {
    throw unreadable(await faultOf(error, file), error)
  }
}

async function importTypeScript(file: string): Promise<Record<string, unknown>> {
  const { bundle } = await import('../local/functions/bundle.ts')
  const folder = await mkdtemp(join(tmpdir(), 'mcp-lambda-sam-'))
  // The stack of an error then names lines of the source.
  process.setSourceMapsEnabled(true)
  try {
    const outfile = join(folder, 'index.mjs')
    await bundle(resolve(file), outfile)
    return await import(pathToFileURL(outfile).href)
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** For a person: `weather.mjs:3:7: TypeError: …`. */
async function faultOf(error: unknown, file: string): Promise<string> {
  if (!(error instanceof Error)) return `${file}: it throws ${String(error)}`
  const [located] = buildErrorsOf(error)
  if (located) return located
  if (error instanceof SyntaxError) {
    // Node does not tell where in an ES module.
    const { importsOf } = await import('../local/functions/bundle.ts')
    const [found] = await importsOf(resolve(file)).then(() => [], buildErrorsOf)
    return found ?? `${file}: ${error.name}: ${error.message}`
  }
  return `${placeOf(error) ?? file}: ${error.name}: ${error.message}`
}

interface BuildError {
  text: string
  location?: { file: string; line: number; column: number } | null
}

/** The errors of esbuild, whose columns begin with 0. */
function buildErrorsOf(error: Error): string[] {
  const failure = error instanceof BrokenCode ? error.cause : undefined
  const { errors = [] } = (failure ?? {}) as { errors?: BuildError[] }
  return errors.flatMap(({ text, location }) =>
    location
      ? [`${shortened(resolve(location.file))}:${location.line}:${location.column + 1}: ${text}`]
      : [],
  )
}

/** The first line of the stack that is no part of Node. */
function placeOf({ stack = '' }: Error): string | undefined {
  for (const [, url = '', place] of stack.matchAll(
    /(file:\/\/[^\s()]+?|\/[^\s():]+):(\d+:\d+)\)?$/gm,
  ))
    return `${shortened(url.startsWith('file:') ? fileURLToPath(url) : url)}:${place}`
  return undefined
}

const shortened = (path: string) => {
  const short = relative(process.cwd(), path)
  return short.startsWith('..') ? path : short
}

/** The error of a file that is not one of a function. */
export const unreadable = (message: string, cause?: unknown) =>
  new LocalError(
    'unreadable_function',
    message,
    'Correct the file. It exports the result of defineTool, defineResource or definePrompt as handler.',
    { cause },
  )

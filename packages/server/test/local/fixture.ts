import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { afterAll, onTestFinished } from 'vitest'

import type { LogEntry } from '../../src/local/log.ts'
import type { StackFunction } from '../../src/local/stack.ts'
import { type LocalOptions, startStack } from '../../src/local/start.ts'

export const FUNCTIONS = fileURLToPath(new URL('./functions', import.meta.url))

/**
 * A gateway whose two functions are `streaming.mjs` and `buffered.mjs`, both with two seconds to run; the
 * folder's functions can be invoked, too. Ends with the test.
 */
export async function startFixture(
  options: LocalOptions = {},
  functions: { mcp?: Partial<StackFunction>; registration?: Partial<StackFunction> } = {},
) {
  const dist = await builtBootstrap()
  const logs: LogEntry[] = []
  const local = await startStack(
    {
      functions: {
        McpFunction: { ...fixture('streaming', 'RESPONSE_STREAM'), ...functions.mcp },
        RegistrationFunction: { ...fixture('buffered', 'BUFFERED'), ...functions.registration },
      },
      tables: [],
    },
    dist,
    { functions: FUNCTIONS, log: entry => logs.push(entry), ...options },
  )
  onTestFinished(local.close)
  return { ...local, logs, logged: (text: string) => logs.some(it => it.message.includes(text)) }
}

function fixture(name: string, mode: StackFunction['mode']): StackFunction {
  const handler = `${name}.handler`
  const place = { root: FUNCTIONS, directory: FUNCTIONS }
  return { name: `own-${name}`, handler, ...place, timeout: 2, memory: 256, variables: {}, mode }
}

let built: Promise<string> | undefined
afterAll(async () => built && rm(await built, { recursive: true }))

/** Made from the source as it is, so that no test passes on an old build. */
export function builtBootstrap(): Promise<string> {
  built ??= buildBootstrap()
  return built
}

async function buildBootstrap(): Promise<string> {
  const dist = await mkdtemp(join(tmpdir(), 'bootstrap-'))
  await writeFile(join(dist, 'package.json'), '{"type":"module"}')
  await build({
    entryPoints: [fileURLToPath(new URL('../../src/local/runtime/bootstrap.ts', import.meta.url))],
    outfile: join(dist, 'runtime', 'bootstrap.js'),
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
  })
  return dist
}

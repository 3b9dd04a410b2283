import { spawnSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { afterAll, onTestFinished, vi } from 'vitest'

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

/** Waits until every process is stopped: an answer can come before its process is ready for the next event. */
export async function settled({ pids }: { pids(): number[] }) {
  await vi.waitUntil(() => pids().every(pid => processState(pid) === 'T'))
}

/** How far the case `many` gets before it waits for its reader. */
export async function piecesWritten({ logs }: { logs: LogEntry[] }): Promise<number> {
  const written = () =>
    Math.max(0, ...logs.map(it => Number(/wrote (\d+)/.exec(it.message)?.[1] ?? 0)))
  let before = 0
  const stopped = () => {
    const same = before > 0 && before === written()
    before = written()
    return same
  }
  await vi.waitUntil(stopped, { interval: 300, timeout: 10_000 })
  return before
}

/** As ps shows it: `T` for stopped, `Z` for one whose end nobody has noticed, nothing for none. */
export function processState(pid: number): string {
  const { stdout } = spawnSync('ps', ['-o', 'state=', '-p', String(pid)], { encoding: 'utf8' })
  return stdout.trim().slice(0, 1)
}

function fixture(name: string, mode: StackFunction['mode']): StackFunction {
  const handler = `${name}.handler`
  const place = { root: FUNCTIONS, directory: FUNCTIONS }
  const role = `arn:aws:iam::000000000000:role/${name}`
  return {
    name: `own-${name}`,
    handler,
    ...place,
    timeout: 2,
    memory: 256,
    variables: {},
    mode,
    role,
  }
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

import { spawnSync } from 'node:child_process'
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { afterAll, onTestFinished, vi } from 'vitest'

import type { LogEntry } from '../../src/local/log.ts'
import type { StackFunction } from '../../src/local/stack.ts'
import { type Local, type LocalOptions, startStack } from '../../src/local/start.ts'

export const FUNCTIONS = fileURLToPath(new URL('./functions', import.meta.url))

type Functions = { mcp?: Partial<StackFunction>; registration?: Partial<StackFunction> }

/**
 * Starts a gateway. Its two own functions are `streaming.mjs` and `buffered.mjs`, with a
 * time-out of two seconds. The functions in the folder can be invoked, too. The gateway ends
 * with the test.
 */
export async function startFixture(options: LocalOptions = {}, functions: Functions = {}) {
  const logs: LogEntry[] = []
  const local = await start({ log: entry => logs.push(entry), ...options }, functions)
  onTestFinished(local.close)
  return withLogs(local, logs)
}

interface Shared {
  local: Promise<Local>
  log: (entry: LogEntry) => void
  onInvocation: NonNullable<LocalOptions['onInvocation']>
}
const shared = new Map<string, Shared>()
afterAll(() => Promise.all([...shared.values()].map(async it => (await it.local).close())))

/**
 * The same, for tests that leave nothing behind: those of a file that give the same options get
 * the same gateway, because a start costs more than most tests. The logs and `onInvocation` begin
 * with each call.
 */
export async function sharedFixture(
  { onInvocation = () => {}, ...options }: LocalOptions = {},
  functions: Functions = {},
) {
  const logs: LogEntry[] = []
  const now = { log: (entry: LogEntry) => void logs.push(entry), onInvocation }
  const key = JSON.stringify([options, functions])
  const known = shared.get(key)
  if (known) return withLogs(await Object.assign(known, now).local, logs)
  const first: Shared = {
    ...now,
    local: start(
      {
        ...options,
        log: entry => first.log(entry),
        onInvocation: invocation => first.onInvocation(invocation),
      },
      functions,
    ),
  }
  shared.set(key, first)
  return withLogs(await first.local, logs)
}

const withLogs = (local: Local, logs: LogEntry[]) => ({
  ...local,
  logs,
  logged: (text: string) => logs.some(it => it.message.includes(text)),
})

async function start(options: LocalOptions, functions: Functions) {
  const dist = await builtBootstrap()
  return startStack(
    {
      functions: {
        McpFunction: { ...fixture('streaming', 'RESPONSE_STREAM'), ...functions.mcp },
        RegistrationFunction: { ...fixture('buffered', 'BUFFERED'), ...functions.registration },
      },
      tables: [],
    },
    dist,
    { functions: FUNCTIONS, ...options },
  )
}

/** Waits for a condition. The limit is for a hung test only, not for a slow machine. */
export const until = (condition: () => unknown) => vi.waitUntil(condition, { timeout: 30_000 })

/** Waits until the assertions in `check` pass. */
export const eventually = (check: () => unknown) => vi.waitFor(check, { timeout: 30_000 })

/** Waits until every process is frozen. A response can arrive before its process is idle. */
export async function allFrozen({ pids }: { pids(): number[] }) {
  await until(() => pids().every(pid => processState(pid) === 'T'))
}

/** A temporary folder, which is deleted after the test. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'local-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  return folder
}

/** A file that functions wait for: those with the case `until-file`, `after-end` or `many-late`. */
export async function startSignal() {
  const file = join(await temporaryFolder(), 'go')
  return { file, give: () => writeFile(file, '') }
}

/** How many pieces the case `many` writes before it waits for its reader. */
export async function piecesWritten({ logs }: { logs: LogEntry[] }): Promise<number> {
  const written = () =>
    Math.max(0, ...logs.map(it => Number(/wrote (\d+)/.exec(it.message)?.[1] ?? 0)))
  let before = 0
  const stopped = () => {
    const same = before > 0 && before === written()
    before = written()
    return same
  }
  await vi.waitUntil(stopped, { interval: 300, timeout: 30_000 })
  return before
}

/** The state column of ps: `T` is stopped, `Z` is a zombie, empty is no process. */
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
    authType: 'AWS_IAM',
    mode,
    role,
  }
}

let built: Promise<string> | undefined
afterAll(async () => built && rm(await built, { recursive: true }))

/** Built from the source, so that no test passes because of an old build. */
export function builtBootstrap(): Promise<string> {
  built ??= buildBootstrap()
  return built
}

async function buildBootstrap(): Promise<string> {
  const dist = await mkdtemp(join(tmpdir(), 'bootstrap-'))
  await writeFile(join(dist, 'package.json'), '{"type":"module"}')
  const runtime = new URL('../../src/local/runtime/', import.meta.url)
  await build({
    entryPoints: ['bootstrap', 'describe'].map(it => fileURLToPath(new URL(`${it}.ts`, runtime))),
    outdir: join(dist, 'runtime'),
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
  })
  for (const file of ['bootstrap.py', 'exports.py'])
    await copyFile(new URL(`python/${file}`, runtime), join(dist, 'runtime', file))
  return dist
}

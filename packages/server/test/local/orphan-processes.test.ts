import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { expect, onTestFinished, test } from 'vitest'

import { builtBootstrap, FUNCTIONS, processState, until } from './fixture.ts'
import { send, sign } from './signed-request.ts'

test.each(['SIGKILL', 'SIGTERM'] as const)(
  'no process outlives a gateway that was ended with %s',
  async signal => {
    const { gateway, lambdaUrl, pids, temporary } = await startGateway()
    const invoke = async (name: string, event: object) => {
      const target = `/2015-03-31/functions/${name}/invocations`
      return send(
        lambdaUrl,
        await sign(lambdaUrl, { method: 'POST', target, body: JSON.stringify(event) }),
      )
    }
    const cut = (name: string, event: object) => expect(invoke(name, event)).rejects.toThrow()

    // A frozen process, a waiting one, one in an endless loop, and the child of a function.
    await invoke('buffered', { case: 'calls' })
    const grandchild = Number((await invoke('spawning', {})).body)
    const running = [cut('buffered', { case: 'silent' }), cut('streaming', { case: 'busy' })]
    await until(() => pids.size === 3)
    const processes = [...childrenOf(gateway), grandchild]
    expect(processes).toEqual(expect.arrayContaining([...pids]))
    expect(processes.filter(isAlive)).toHaveLength(processes.length)

    gateway.kill(signal)
    await once(gateway, 'exit')
    await Promise.all(running)
    await until(() => !processes.some(isAlive))
    expect(await readdir(temporary)).toEqual([])
  },
)

/** Starts a gateway in a process of its own, built from the source. */
async function startGateway() {
  const packageFolder = fileURLToPath(new URL('../..', import.meta.url))
  await mkdir(join(packageFolder, '.cache'), { recursive: true })
  const folder = await mkdtemp(join(packageFolder, '.cache', 'gateway-'))
  const dist = await builtBootstrap()
  const outfile = join(folder, 'gateway.mjs')
  const fn = {
    handler: 'buffered.handler',
    root: FUNCTIONS,
    directory: FUNCTIONS,
    timeout: 60,
    memory: 128,
    variables: {},
    role: 'arn:aws:iam::000000000000:role/one',
    authType: 'AWS_IAM',
  }
  const stack = {
    functions: {
      McpFunction: { ...fn, name: 'one', mode: 'RESPONSE_STREAM' },
      RegistrationFunction: { ...fn, name: 'two', mode: 'BUFFERED' },
    },
    tables: [],
  }
  await build({
    stdin: {
      resolveDir: packageFolder,
      contents: `
        import { startStack } from './src/local/start.ts'
        const say = it => console.log(JSON.stringify(it))
        const options = { functions: ${JSON.stringify(FUNCTIONS)}, log() {}, onInvocation: say }
        say(await startStack(${JSON.stringify(stack)}, ${JSON.stringify(dist)}, options))`,
    },
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    packages: 'external',
  })
  const temporary = join(folder, 'tmp')
  await mkdir(temporary)
  const gateway = spawn(process.execPath, [outfile], {
    env: { ...process.env, TMPDIR: temporary },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(async () => {
    gateway.kill('SIGKILL')
    await rm(folder, { recursive: true })
  })

  const pids = new Set<number>()
  const lines = createInterface(gateway.stdout)
  const [first] = await once(lines, 'line')
  lines.on('line', line => pids.add(JSON.parse(line).pid))
  const { lambdaUrl } = JSON.parse(first) as { lambdaUrl: string }
  return { gateway, lambdaUrl, pids, temporary }
}

/** The processes of functions, the reaper, the DynamoDB process and the bundler. */
function childrenOf({ pid }: ChildProcess): number[] {
  return execFileSync('pgrep', ['-P', String(pid)], { encoding: 'utf8' })
    .trim()
    .split('\n')
    .map(Number)
}

/** A zombie has ended. */
const isAlive = (pid: number) => !['', 'Z'].includes(processState(pid))

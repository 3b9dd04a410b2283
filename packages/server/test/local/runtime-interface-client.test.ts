import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import type { FunctionOutput } from '../../src/local/invocation.ts'
import { startRuntimeApi } from '../../src/local/runtime-api.ts'
import { builtBootstrap, FUNCTIONS } from './fixture.ts'
import { startRecorder } from './ric/recorder.ts'

// Runs the same handlers under AWS's runtime interface client (RIC) and under ours, and
// compares all bytes that the two send. Exceptions: the headers of `GET /next`, and the stack
// frames outside the handler.

const VERSION = '4.0.2'
const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))
const CACHE = path('../../.cache/ric')
const RIC = join(CACHE, 'node_modules', 'aws-lambda-ric', 'index.mjs')

const missing = install()
if (missing) console.warn(`aws-lambda-ric ${VERSION} is not compared: ${missing}`)

/** Not a dependency, because its install script fails without cmake and a compiler. */
function install(): string | undefined {
  if (existsSync(RIC)) return undefined
  const { status, stderr, error } = spawnSync(
    'npm',
    [
      'install',
      `aws-lambda-ric@${VERSION}`,
      '--ignore-scripts',
      '--no-save',
      '--no-audit',
      '--prefix',
      CACHE,
    ],
    { encoding: 'utf8', timeout: 60_000 },
  )
  return status === 0
    ? undefined
    : `npm could not install it (${error?.message ?? stderr.trim().split('\n').pop()})`
}

describe.skipIf(missing)(`compared with aws-lambda-ric ${VERSION}`, () => {
  const streaming = ['delayed', 'stream', 'raw', 'end-only', 'empty-end', 'empty-write', 'objects']
  const failing = ['throw-before', 'throw-later', 'throw-after-end', 'late-type']
  const buffered = [
    'full',
    'value',
    'nothing',
    'throw',
    'throw-string',
    'circular',
    'log',
    'log-object',
  ]

  describe.each(['TEXT', 'JSON'])('with %s logs', format => {
    describe.each([
      ['streaming', [...streaming, ...failing]],
      ['buffered', buffered],
    ])('a %s handler sends and logs the same', (handler, cases) => {
      let theirs: Runtime
      let ours: Runtime
      beforeAll(async () => {
        const preload = ['--require', path('ric/rapid-client.cjs')]
        const bootstrap = join(await builtBootstrap(), 'runtime', 'bootstrap.js')
        const variables = { _HANDLER: `${handler}.handler`, AWS_LAMBDA_LOG_FORMAT: format }
        theirs = await startRuntime([...preload, RIC], variables)
        ours = await startRuntime([bootstrap], variables)
      })
      afterAll(() => Promise.all([theirs, ours].map(it => it.close())))

      test.each(cases)('in the case %s', async name => {
        const expected = await theirs.run(name)
        expect(expected.sent).toMatch(/^POST \/2018-06-01\/runtime\/invocation\/id\//)
        expect(await ours.run(name)).toEqual(expected)
      })
    })
  })

  test.each(['broken', 'callback', 'nowhere', 'buffered.nothing', '../functions/buffered'])(
    'reports an init error with the same type: %s',
    async name => {
      const handler = name.includes('.') ? name : `${name}.handler`
      const bootstrap = join(await builtBootstrap(), 'runtime', 'bootstrap.js')
      const theirs = await initError(['--require', path('ric/rapid-client.cjs'), RIC], handler)
      expect(await initError([bootstrap], handler)).toEqual(theirs)
    },
  )
})

type Runtime = Awaited<ReturnType<typeof startRuntime>>

/** Starts a runtime client behind a recording proxy. Resolves when it waits for its first event. */
async function startRuntime(args: string[], variables: Record<string, string>) {
  let idle = () => {}
  let becomesIdle = new Promise<void>(resolve => {
    idle = resolve
  })
  const api = await startRuntimeApi({
    onIdle: () => idle(),
    onInitError: error => console.error(error),
    onTruncatedOutput: async () => ({ errorType: 'truncated', errorMessage: '' }),
  })
  const recorder = await startRecorder(api.address)
  const child = start(args, { ...variables, AWS_LAMBDA_RUNTIME_API: recorder.address })
  let output = ''
  child.stdout.on('data', chunk => {
    output += chunk
  })
  await becomesIdle
  recorder.take()

  return {
    /** The bytes that it sends and the text that it prints for the event `{case}`, comparable. */
    async run(name: string) {
      becomesIdle = new Promise(resolve => {
        idle = resolve
      })
      output = ''
      const event = JSON.stringify({ case: name })
      const invocation = { requestId: 'id', event, functionArn: 'arn', traceId: 'Root=1' }
      await consume(await api.deliver(invocation, Date.now() + 60_000))
      await becomesIdle
      return { sent: comparable(recorder.take()), printed: comparableLog(output) }
    },
    async close() {
      child.kill('SIGKILL')
      await once(child, 'exit')
      recorder.close()
      api.close()
    },
  }
}

async function initError(args: string[], handler: string) {
  let report: unknown
  const api = await startRuntimeApi({
    onIdle() {},
    onInitError({ errorType }) {
      report = { errorType }
    },
    onTruncatedOutput: async () => ({ errorType: 'truncated', errorMessage: '' }),
  })
  const child = start(args, { _HANDLER: handler, AWS_LAMBDA_RUNTIME_API: api.address })
  const [code] = await once(child, 'exit')
  api.close()
  return { report, code }
}

function start(args: string[], variables: Record<string, string>) {
  const env = {
    PATH: process.env['PATH'],
    LAMBDA_TASK_ROOT: FUNCTIONS,
    AWS_LAMBDA_FUNCTION_NAME: 'compared',
    AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '128',
    AWS_LAMBDA_LOG_GROUP_NAME: 'group',
    AWS_LAMBDA_LOG_STREAM_NAME: 'stream',
    ...variables,
  }
  return spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'ignore'] })
}

async function consume(output: FunctionOutput) {
  if (output.type !== 'stream') return
  output.body.resume()
  await output.failure
}

function comparable(bytes: string): string {
  return (
    bytes
      .replace(/GET \S+\/next HTTP\/1.1\r\n(.+\r\n)*\r\n/g, '')
      .replace(/^(host: 127.0.0.1):\d+/gim, '$1')
      .replace(/(?<=^Lambda-Runtime-Function-Error-Body: )\S+/gm, body =>
        withoutStack(Buffer.from(body, 'base64').toString()),
      )
      .replace(/^\{"errorType".*/gm, withoutStack)
      // The stacks differ in length.
      .replace(/^(POST \S+\/error HTTP\/1.1\r\n(?:.+\r\n)*Content-Length:) \d+/m, '$1')
  )
}

const comparableLog = (text: string) =>
  withoutStack(text)
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'time')
    // The JSON format has the class of the runtime's own errors, which may differ.
    .replace(/"errorType":"\w+"(?=.*"name":"Runtime\.)/g, '"errorType":"class"')

/** Removes the frames of a stack in JSON. Some of them belong to the runtime. */
const withoutStack = (json: string) => json.replace(/," {4}at [^"]*"/g, '')

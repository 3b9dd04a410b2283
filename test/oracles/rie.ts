import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { builtFolder, readTemplateText } from '../../packages/server/src/built-package.ts'
import { DEVELOPER } from '../../packages/server/src/local/principals.ts'
import { readStack } from '../../packages/server/src/local/stack.ts'
import { toEvent } from '../../packages/server/src/local/url/event.ts'
import { freePort } from '../../packages/server/test/deploy/free-port.ts'
import { until } from '../support/gateway.ts'

/** One of the built functions in AWS's emulator, behind a URL that takes every caller. */
export interface EmulatedFunction {
  url: string
  log(): string
  close(): Promise<void>
}

/**
 * `folder` has the emulator and the runtime interface client, and `node` runs the client. The
 * emulator serves one request after the other, and buffers each response to its end.
 */
export async function startInEmulator(
  { folder, node }: { folder: string; node: string },
  logicalId: 'McpFunction' | 'RegistrationFunction',
  environment: Record<string, string>,
): Promise<EmulatedFunction> {
  const template = readTemplateText(missing => new Error(`${missing} is missing`))
  const fn = readStack(template, builtFolder()).functions[logicalId]
  if (!fn) throw new Error(`The template has no ${logicalId}`)
  const [port, runtimePort] = [await freePort(), await freePort()]
  const child = spawn(
    join(folder, 'bin/aws-lambda-rie'),
    [
      ...['--runtime-interface-emulator-address', `127.0.0.1:${port}`],
      ...['--runtime-api-address', `127.0.0.1:${runtimePort}`],
      ...[node, join(folder, 'node_modules/aws-lambda-ric/index.mjs'), fn.handler],
    ],
    {
      cwd: fn.directory,
      stdio: ['ignore', 'pipe', 'pipe'],
      // Its own process group, since it does not end the runtime that it starts.
      detached: true,
      env: {
        PATH: process.env['PATH'],
        LAMBDA_TASK_ROOT: fn.root,
        AWS_LAMBDA_FUNCTION_NAME: fn.name,
        AWS_LAMBDA_FUNCTION_TIMEOUT: String(fn.timeout),
        AWS_REGION: 'us-east-1',
        ...fn.variables,
        ...environment,
      },
    },
  )
  let log = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', chunk => {
      log = `${log}${chunk}`.slice(-20_000)
    })
  const ended = once(child, 'close')
  const emulator = `http://127.0.0.1:${port}/2015-03-31/functions/function/invocations`
  await until(
    () => {
      if (child.exitCode !== null) throw new Error(`the emulator did not start: ${log}`)
      return listens(port)
    },
    'the emulator',
    60_000,
  )

  let last: Promise<unknown> = Promise.resolve()
  const server = createServer((request, response) => {
    last = last
      .then(() => serve(request, response))
      .catch(error => response.writeHead(502).end(`${error}\n${log}`))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    log: () => log,
    async close() {
      server.close()
      server.closeAllConnections()
      if (child.pid) process.kill(-child.pid, 'SIGKILL')
      await ended
    },
  }

  async function serve(request: IncomingMessage, response: ServerResponse) {
    const ids = {
      requestId: crypto.randomUUID(),
      traceId: 'Root=1-00000000-000000000000000000000000',
    }
    const event = toEvent(request, await buffer(request), DEVELOPER, ids)
    const invoked = await fetch(emulator, {
      method: 'POST',
      headers: { 'x-amzn-requestid': ids.requestId, 'x-amzn-trace-id': ids.traceId },
      body: JSON.stringify(event),
    })
    const output = Buffer.from(await invoked.arrayBuffer())
    const { statusCode, headers, body } = parsed(output)
    response.writeHead(statusCode, headers).end(body)
  }
}

function listens(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}

/** A streamed response begins with its status and headers, and eight bytes of zero. */
function parsed(output: Buffer): {
  statusCode: number
  headers: Record<string, string>
  body: string | Buffer
} {
  const end = output.indexOf(Buffer.alloc(8))
  if (end < 0) {
    const { statusCode, ...rest } = JSON.parse(output.toString())
    if (!statusCode) throw new Error(`not a response: ${output}`)
    return { statusCode, ...rest }
  }
  return { ...JSON.parse(output.subarray(0, end).toString()), body: output.subarray(end + 8) }
}

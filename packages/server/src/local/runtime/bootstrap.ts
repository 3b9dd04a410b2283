import { callWithCallback, isPromise } from './callback.ts'
import { patchConsole } from './console.ts'
import { toContext } from './context.ts'
import { formatError, logError } from './errors.ts'
import { installGlobals } from './globals.ts'
import { type Handler, loadHandler } from './handler.ts'
import { type Invocation, type RuntimeClient, runtimeClient } from './runtime-client.ts'

// The runtime of a function's process, in place of Lambda's own. It loads the handler and runs one
// invocation after the other. Its settings are environment variables.
const {
  AWS_LAMBDA_RUNTIME_API: api = '',
  LAMBDA_TASK_ROOT: root = '',
  _HANDLER: name = '',
} = process.env

let requestId: string | undefined
installGlobals()
patchConsole(() => requestId)

const client = runtimeClient(api)
const handler = await initialise(client)

for (;;) {
  const invocation = await client.next()
  requestId = invocation.requestId
  if (invocation.traceId) process.env['_X_AMZN_TRACE_ID'] = invocation.traceId
  else delete process.env['_X_AMZN_TRACE_ID']

  await (handler.streaming ? runStreaming(handler, invocation) : runBuffered(handler, invocation))
}

async function initialise(client: RuntimeClient): Promise<Handler> {
  try {
    return await loadHandler(root, name)
  } catch (error) {
    logError('Init Error', error)
    await client.initError(formatError(error))
    process.exit(1)
  }
}

async function runBuffered({ call, takesCallback }: Handler, invocation: Invocation) {
  const run = takesCallback ? callWithCallback(call) : call
  let output: string
  try {
    output = stringify(await run(JSON.parse(invocation.event), toContext(invocation)))
  } catch (error) {
    logError('Invoke Error', error)
    return client.error(invocation.requestId, formatError(error))
  }
  return client.respond(invocation.requestId, output)
}

function stringify(output: unknown) {
  try {
    return JSON.stringify(output === undefined ? null : output)
  } catch (cause) {
    const error = new Error('Unable to stringify response body', { cause })
    throw Object.assign(error, { name: 'Runtime.JSONStringifyError' })
  }
}

async function runStreaming({ call }: Handler, invocation: Invocation) {
  const response = client.stream(invocation.requestId)
  try {
    const returned = call(JSON.parse(invocation.event), response.stream, toContext(invocation))
    response.open()
    if (!isPromise(returned)) throw new Error('Streaming does not support non-async handlers.')
    if ((await returned) !== undefined) console.warn('Streaming handlers ignore return values.')
    // As on Lambda, a stream without end() blocks the execution environment until the time-out.
    await response.acknowledged()
  } catch (error) {
    logError('Invoke Error', error)
    await response.fail(formatError(error))
  }
}

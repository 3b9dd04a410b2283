import { once } from 'node:events'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Tool } from '@markvp/mcp-lambda-sam-admin-client/api-schema'
import { afterEach, expect, test } from 'vitest'

import { lambdaApi } from '../../src/aws/lambda-api.ts'
import { FunctionFailure } from '../../src/invoker/failure.ts'
import { streamingInvoker } from '../../src/invoker/streaming.ts'
import { eventStreamFrame as frame } from '../../src/local/api/event-stream-frame.ts'

// A fake Lambda API, whose responses can break and wait at any point.

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections()
})

type Respond = (response: ServerResponse, nth: number) => unknown

/** `endpoint` is another than that of this server. */
async function invoker(respond: Respond, endpoint?: string) {
  let requests = 0
  const server = createServer((request, response) => {
    request.resume().once('end', () => {
      requests += 1
      respond(response, requests)
    })
  }).listen(0, '127.0.0.1')
  servers.push(server)
  await once(server, 'listening')
  const client = lambdaApi({
    service: 'lambda',
    region: 'us-east-1',
    endpoint: new URL(endpoint ?? `http://127.0.0.1:${(server.address() as AddressInfo).port}`),
    credentials: () => ({ accessKeyId: 'a', secretAccessKey: 's' }),
  })
  const invoke = streamingInvoker(() => client)
  return {
    requests: () => requests,
    invoke: (signal = new AbortController().signal, registration = tool) =>
      invoke(registration, '{}', { caller }, signal)[Symbol.asyncIterator](),
  }
}

const caller = { arn: 'arn:aws:iam::123456789012:user/a', accountId: '123456789012', owner: 'a' }

const tool = {
  id: 'tool-x',
  lambdaArn: 'arn:aws:lambda:us-east-1:000000000000:function:x',
} as Tool

const begin = (response: ServerResponse) => {
  response.writeHead(200, { 'content-type': 'application/vnd.amazon.eventstream' })
  response.flushHeaders()
  return response
}
const chunk = (text: string) => frame('PayloadChunk', 'application/octet-stream', Buffer.from(text))
const complete = (it = {}) =>
  frame('InvokeComplete', 'application/json', Buffer.from(JSON.stringify(it)))

const textOf = ({ value }: IteratorResult<Uint8Array>) => Buffer.from(value ?? '').toString()

test('output arrives when it is written, not when the function ends', async () => {
  let goOn = () => {}
  const { invoke } = await invoker(response => {
    begin(response).write(chunk('one'))
    goOn = () => void response.end(Buffer.concat([chunk('two'), complete()]))
  })
  const pieces = invoke()
  expect(textOf(await pieces.next())).toBe('one')
  goOn()
  expect(textOf(await pieces.next())).toBe('two')
  expect((await pieces.next()).done).toBe(true)
})

test.each([
  [
    { ErrorCode: 'Unhandled', ErrorDetails: 'it broke' },
    'The function failed with Unhandled: it broke',
  ],
  [
    {
      ErrorCode: 'Unhandled',
      ErrorDetails: '{"errorType":"TypeError","errorMessage":"no disk","trace":["at x.mjs"]}',
    },
    'The function failed with TypeError: no disk',
  ],
  [
    { ErrorCode: 'Sandbox.Timedout', ErrorDetails: 'Task timed out after 3.00 seconds' },
    'The function timed out. Task timed out after 3.00 seconds',
  ],
  [
    {
      ErrorCode: 'Runtime.ExitError',
      ErrorDetails: 'RequestId: 1-2 Error: Runtime exited with error: signal: killed',
    },
    'The function was killed, probably because it ran out of memory. Runtime.ExitError: Runtime exited with error: signal: killed',
  ],
])('an error that Lambda reports at the end is a failure: %j', async (end, message) => {
  const { invoke } = await invoker(response =>
    begin(response).end(Buffer.concat([chunk('one'), complete(end)])),
  )
  const pieces = invoke()
  await pieces.next()
  await expect(pieces.next()).rejects.toEqual(new FunctionFailure(message))
})

test('a broken connection is a failure whose outcome is unknown', async () => {
  const { invoke } = await invoker(response =>
    begin(response).write(chunk('one'), () => response.destroy()),
  )
  const pieces = invoke()
  await pieces.next()
  await expect(pieces.next()).rejects.toThrow(/broke before its output was complete/)
})

test('a throttled call is repeated, and a call that may have run is not', async () => {
  const refuse = (response: ServerResponse, status: number, type: string) =>
    response.writeHead(status, { 'x-amzn-errortype': type }).end('{}')
  const throttled = await invoker((response, nth) =>
    nth < 3
      ? refuse(response, 429, 'TooManyRequestsException')
      : begin(response).end(Buffer.concat([chunk('ran'), complete()])),
  )
  expect(textOf(await throttled.invoke().next())).toBe('ran')
  expect(throttled.requests()).toBe(3)

  const failing = await invoker(response => refuse(response, 500, 'ServiceException'))
  await expect(failing.invoke().next()).rejects.toThrow(FunctionFailure)
  expect(failing.requests()).toBe(1)
})

test('a call that is aborted or not read to its end closes its connection', async () => {
  const closed: Promise<unknown>[] = []
  const { invoke } = await invoker(response => {
    closed.push(once(response, 'close'))
    begin(response).write(chunk('one'))
  })
  const cancel = new AbortController()
  const aborted = invoke(cancel.signal)
  await aborted.next()
  const rest = aborted.next()
  cancel.abort()
  await expect(rest).rejects.not.toThrow(FunctionFailure)
  await closed[0]

  const left = invoke()
  await left.next()
  await left.return?.()
  await closed[1]
})

test('a function is slowed down to the speed of its reader', async () => {
  const piece = chunk('x'.repeat(1024 * 1024))
  let sent = 0
  let waiting = false
  const { invoke } = await invoker(async response => {
    begin(response)
    for (; sent < 64; sent++) {
      if (response.write(piece)) continue
      waiting = true
      await once(response, 'drain')
      waiting = false
    }
    response.end(complete())
  })
  const pieces = invoke()
  await pieces.next()
  // All buffers are full when nothing was written for a hundred turns of the loop.
  for (
    let still = 0, before = sent;
    still < 100;
    still = waiting && sent === before ? still + 1 : 0
  ) {
    before = sent
    await new Promise(resolve => setTimeout(resolve, 1))
  }
  expect(sent).toBeLessThan(32)
  let count = 1
  while (!(await pieces.next()).done) count += 1
  expect(count).toBeGreaterThanOrEqual(64)
})

const denied = (response: ServerResponse) =>
  response
    .writeHead(403, { 'x-amzn-errortype': 'AccessDeniedException' })
    .end('{"Message":"no resource-based policy allows it"}')

const registered = (secondsAgo: number) =>
  ({ ...tool, updatedAt: new Date(Date.now() - secondsAgo * 1000).toISOString() }) as Tool

test('a call is repeated while access is denied to a function that was just registered', async () => {
  const { invoke, requests } = await invoker((response, nth) =>
    nth < 3 ? denied(response) : begin(response).end(Buffer.concat([chunk('one'), complete()])),
  )
  expect(textOf(await invoke(undefined, registered(50)).next())).toBe('one')
  expect(requests()).toBe(3)
})

test('a call is not repeated for an older registration, and the message says who can help', async () => {
  const { invoke, requests } = await invoker(denied)
  await expect(invoke(undefined, registered(70)).next()).rejects.toThrow('repair the registration')
  expect(requests()).toBe(1)
})

test('a call that stays denied fails after six attempts, or when its caller aborts', async () => {
  const { invoke, requests } = await invoker(denied)
  await expect(invoke(undefined, registered(0)).next()).rejects.toThrow(FunctionFailure)
  expect(requests()).toBe(6)
  const signal = AbortSignal.timeout(50)
  await expect(invoke(signal, registered(0)).next()).rejects.toThrow(/abort/)
  expect(requests()).toBeLessThan(9)
})

test.each([
  [
    'InvalidParameterValueException',
    'You cannot invoke a durable function using an unqualified ARN.',
    'register its ARN with a version or an alias',
  ],
  [
    'InvalidParameterValueException',
    'The invoked function is enabled with tenancy configuration. Add a valid tenant ID in your request and try again.',
    '"tenant": "account", "principal" or "session"',
  ],
  [
    'InvalidParameterValueException',
    'The invoked function is not enabled with tenancy configuration. Remove the tenant ID from your request and try again.',
    'remove "tenant" from its registration',
    'session',
  ],
  [
    'AccessDeniedException',
    'not authorized because no resource-based policy allows it',
    'POST /register/tool-x/repair',
  ],
  ['SnapStartNotReadyException', 'not ready', 'Try again later'],
  ['constructor', 'x', 'could not be invoked (constructor)'],
])('a call that Lambda refuses with %s is an error with the repair: %s', async (...given) => {
  const [type, Message, expected, tenant] = given
  const { invoke, requests } = await invoker(response =>
    response.writeHead(400, { 'x-amzn-errortype': type }).end(JSON.stringify({ Message })),
  )
  const registration = { ...registered(70), ...(tenant && { tenant }) } as Tool
  const calling = invoke(undefined, registration).next()
  await expect(calling).rejects.toThrow(FunctionFailure)
  await expect(calling).rejects.toThrow(expected)
  await expect(calling).rejects.not.toThrow(/arn:|000000000000/)
  expect(requests()).toBe(1)
})

test.each<[string, Respond]>([
  ['breaks the connection', response => response.destroy()],
  [
    'fails without a reason',
    response => response.writeHead(500, { 'x-amzn-errortype': 'ServiceException' }).end('{}'),
  ],
  ['is a proxy that gives up', response => response.writeHead(504).end('<html></html>')],
])('a call whose service %s may have run, and its error says so', async (...[, respond]) => {
  const { invoke, requests } = await invoker(respond)
  const calling = invoke(undefined, registered(70)).next()
  await expect(calling).rejects.toThrow('It is unknown whether the function ran')
  expect(requests()).toBe(1)
})

test('a call that does not reach its service has not run', async () => {
  const { invoke } = await invoker(() => {}, 'http://127.0.0.1:1')
  const calling = invoke(undefined, registered(70)).next()
  await expect(calling).rejects.toThrow('could not be invoked (ECONNREFUSED)')
})

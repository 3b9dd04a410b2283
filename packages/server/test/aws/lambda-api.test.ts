import { getEventListeners, once } from 'node:events'

import {
  InvokeCommand,
  InvokeWithResponseStreamCommand,
  LambdaClient,
} from '@aws-sdk/client-lambda'
import { expect, test, vi } from 'vitest'

import { lambdaApi } from '../../src/aws/lambda-api.ts'
import { eventStreamFrame } from '../../src/local/api/event-stream-frame.ts'
import { all } from '../suites/registry.ts'
import { ourError, type Respond, sdkError, startAwsServer } from './aws-server.ts'

const { signal } = new AbortController()
const clients = async (respond?: Respond) => {
  const server = await startAwsServer(respond)
  return {
    ...server,
    ours: lambdaApi({ service: 'lambda', ...server.service }),
    theirs: new LambdaClient({ ...server.sdk, maxAttempts: 1 }),
  }
}

const HEADERS = [
  'host',
  'content-type',
  'content-length',
  'x-amz-client-context',
  'x-amz-tenant-id',
  'x-amz-security-token',
  'x-amz-invocation-type',
]

const frame = (type: string, payload: string) =>
  eventStreamFrame(type, 'application/octet-stream', Buffer.from(payload))
const stream = [frame('PayloadChunk', 'one'), frame('InvokeComplete', '{}')]

test.each([
  ['name', '{}', undefined],
  ['isolated', '{}', undefined, '123456789012/AROAEXAMPLE:ann+x=y@example.com'],
  ['arn:aws:lambda:us-east-1:000000000000:function:x:$LATEST', '"ü"', 'e30='],
  ["odd name!'()*/?#", 'x'.repeat(100_000), Buffer.from('{"custom":{}}').toString('base64')],
])(
  'a call of %s is the request of the AWS SDK',
  async (functionName, text, clientContext, tenantId?: string) => {
    const payload = Buffer.from(text)
    const context = { ...(clientContext !== undefined && { clientContext }), tenantId }
    const { ours, theirs, requests } = await clients((response, nth) =>
      nth > 2
        ? response
            .writeHead(200, { 'content-type': 'application/vnd.amazon.eventstream' })
            .end(Buffer.concat(stream))
        : response.end(),
    )
    const sdkInput = {
      FunctionName: functionName,
      Payload: payload,
      ClientContext: clientContext,
      TenantId: tenantId,
    }
    await ours.invoke({ functionName, payload, ...context }, signal)
    await theirs.send(new InvokeCommand(sdkInput))
    await ours.invokeWithResponseStream({ functionName, payload, ...context }, signal)
    await theirs.send(new InvokeWithResponseStreamCommand(sdkInput))
    for (const [our, their] of [requests.slice(0, 2), requests.slice(2)]) {
      expect([our?.method, our?.url]).toEqual([their?.method, their?.url])
      expect(our?.body.equals(payload) && their?.body.equals(payload)).toBe(true)
      for (const name of HEADERS) expect(our?.headers[name], name).toBe(their?.headers[name])
    }
  },
)

test('a call carries the trace that Lambda gives to an invocation, as the AWS SDK does', async () => {
  const server = await startAwsServer()
  const trace = 'Root=1-5759e988-bd862e3fe1be46a994272793;Lineage=a87bd80c:1'
  vi.stubEnv('AWS_LAMBDA_FUNCTION_NAME', 'mcp')
  vi.stubEnv('_X_AMZN_TRACE_ID', trace)
  try {
    await new LambdaClient(server.sdk).send(new InvokeCommand({ FunctionName: 'x' }))
  } finally {
    vi.unstubAllEnvs()
  }
  const ours = lambdaApi({ service: 'lambda', ...server.service, traceId: () => trace })
  await ours.invoke({ functionName: 'x', payload: Buffer.from('') }, signal)
  expect(server.requests.map(it => it.headers['x-amzn-trace-id'])).toEqual([trace, trace])
})

test.each([
  [{}, '{"ok":1.10}'],
  [{ 'x-amz-function-error': 'Unhandled' }, '{"errorType":"E"}'],
  [{}, ''],
])('the output of a function is read as the AWS SDK reads it: %j %s', async (headers, body) => {
  const { ours, theirs } = await clients(response => response.writeHead(200, headers).end(body))
  const output = await ours.invoke({ functionName: 'x', payload: Buffer.from('{}') }, signal)
  const expected = await theirs.send(new InvokeCommand({ FunctionName: 'x' }))
  expect(output.payload.toString()).toBe(expected.Payload?.transformToString() ?? '')
  expect(output.functionError).toBe(expected.FunctionError)
})

const refuse =
  (status: number, type: string | undefined, body: string): Respond =>
  response =>
    response.writeHead(status, type ? { 'x-amzn-errortype': type } : {}).end(body)

test.each<[string, Respond]>([
  [
    'throttled',
    refuse(
      429,
      'TooManyRequestsException',
      '{"Reason":"ReservedFunctionConcurrentInvocationLimitExceeded","Type":"User","message":"Rate Exceeded."}',
    ),
  ],
  [
    'denied',
    refuse(403, 'AccessDeniedException', '{"Message":"no resource-based policy allows it"}'),
  ],
  [
    'missing',
    refuse(
      404,
      'ResourceNotFoundException:http://internal.amazon.com/',
      '{"Type":"User","Message":"Function not found"}',
    ),
  ],
  [
    'invalid',
    refuse(400, 'InvalidParameterValueException', '{"Type":"User","message":"qualified"}'),
  ],
  ['too large', refuse(413, 'RequestEntityTooLargeException', '{"Message":"6291456 bytes"}')],
  ['not ready', refuse(409, 'SnapStartNotReadyException', '{"Message":"not ready"}')],
  ['named in the body', refuse(400, undefined, '{"__type":"a#Named","message":"m"}')],
  ['named as code', refuse(400, undefined, '{"code":"Named","Message":"m"}')],
  ['named three times', refuse(400, 'c', '{"__type":"a","code":"b","message":"m"}')],
  ['named twice', refuse(400, undefined, '{"__type":"a","code":"b","message":"m"}')],
  ['broken', refuse(500, 'ServiceException', '{}')],
  ['broken without a body', refuse(500, undefined, '')],
  ['behind a proxy', refuse(502, undefined, '<html></html>')],
])('a function that is %s is the error of the AWS SDK, after one attempt', async (_, respond) => {
  const { ours, theirs, requests } = await clients(respond)
  const input = { functionName: 'x', payload: Buffer.from('{}') }
  const expected = await sdkError(theirs.send(new InvokeCommand({ FunctionName: 'x' })))
  for (const calling of [
    ours.invoke(input, signal),
    ours.invokeWithResponseStream(input, signal),
  ]) {
    const error = await ourError(calling)
    expect(error.name).toBe(expected.name)
    expect(error.message).toBe(expected.message.split('\n')[0])
    expect(error.status).toBe(expected.$metadata.httpStatusCode)
  }
  expect(requests).toHaveLength(3)
})

test.each<[string, Respond]>([
  ['before its response', response => response.destroy()],
  [
    'within its response',
    response =>
      response.writeHead(200, { 'content-length': 9 }).write('{"a"', () => response.destroy()),
  ],
])(
  'a call whose connection breaks %s is not sent again, on a used socket either',
  async (...[, fail]) => {
    const { ours, requests } = await clients((response, nth) =>
      nth === 1 ? response.end('{}') : fail(response, nth),
    )
    const input = { functionName: 'x', payload: Buffer.from('{}') }
    await ours.invoke(input, signal)
    const error = await ourError(ours.invoke(input, signal))
    expect([error.name, error.code]).toEqual(['TimeoutError', 'ECONNRESET'])
    expect(requests).toHaveLength(2)
    expect(requests[0]?.socket).toBe(requests[1]?.socket)
  },
)

test('a socket that was idle for a minute is not used for a call', async () => {
  const { ours, requests } = await clients()
  const input = { functionName: 'x', payload: Buffer.from('{}') }
  const first = Date.now()
  const clock = vi.spyOn(Date, 'now')
  try {
    for (const seconds of [0, 40, 80, 140]) {
      clock.mockReturnValue(first + seconds * 1_000)
      await ours.invoke(input, signal)
    }
  } finally {
    clock.mockRestore()
  }
  const [one, two, three, four] = requests.map(it => it.socket)
  expect([two, three]).toEqual([one, one])
  expect(four).not.toBe(one)
})

test.each<[string, Respond]>([
  ['before its response', () => {}],
  ['within its response', response => response.writeHead(200, { 'content-length': 9 }).write('{')],
  ['within an error', response => response.writeHead(429, { 'content-length': 9 }).write('{')],
])(
  'an abort of a call %s closes the connection and rejects with its reason',
  async (...[, respond]) => {
    const closed: Promise<unknown>[] = []
    let controller = new AbortController()
    const reason = new Error('enough')
    const { ours } = await clients((response, nth) => {
      closed.push(once(response, 'close'))
      respond(response, nth)
      // The client has read by then what was written.
      setImmediate(() => setImmediate(() => controller.abort(reason)))
    })
    const input = { functionName: 'x', payload: Buffer.from('{}') }
    await expect(ours.invoke(input, controller.signal)).rejects.toBe(reason)
    controller = new AbortController()
    const streaming = ours.invokeWithResponseStream(input, controller.signal)
    await expect(streaming.then(events => all(events))).rejects.toBe(reason)
    await Promise.all(closed)
    await expect(ours.invoke(input, AbortSignal.abort(reason))).rejects.toBe(reason)
    expect(closed).toHaveLength(2)
  },
)

test('a call may take an hour, and leaves nothing behind', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  try {
    const { ours } = await clients(response => {
      vi.advanceTimersByTime(3_600_000)
      response.end('{"done":true}')
    })
    const controller = new AbortController()
    const input = { functionName: 'x', payload: Buffer.from('{}') }
    const { payload } = await ours.invoke(input, controller.signal)
    expect(payload.toString()).toBe('{"done":true}')
    expect(vi.getTimerCount()).toBe(0)
    expect(getEventListeners(controller.signal, 'abort')).toEqual([])
  } finally {
    vi.useRealTimers()
  }
})

test('a response without end is not collected', async () => {
  const { ours } = await clients(response => {
    const more = () => {
      while (!response.destroyed && response.write(Buffer.alloc(1024 * 1024)));
    }
    response.on('drain', more)
    more()
  })
  const calling = ours.invoke({ functionName: 'x', payload: Buffer.from('{}') }, signal)
  expect((await ourError(calling)).name).toBe('ResponseTooLarge')
})

test('an event stream is read as the AWS SDK reads it', async () => {
  const complete = '{"ErrorCode":"Unhandled","ErrorDetails":"it broke","LogResult":"TG9n"}'
  const bytes = Buffer.concat([
    frame('PayloadChunk', 'one'),
    frame('PayloadChunk', ''),
    frame('SomethingNew', '{}'),
    frame('PayloadChunk', 'x'.repeat(300_000)),
    frame('InvokeComplete', complete),
  ])
  const { ours, theirs } = await clients(response => response.end(bytes))
  const events = await all(
    await ours.invokeWithResponseStream({ functionName: 'x', payload: Buffer.from('{}') }, signal),
  )
  const read = events.map(it => ('chunk' in it ? it.chunk.toString() : it.complete))
  const { EventStream = [] } = await theirs.send(
    new InvokeWithResponseStreamCommand({ FunctionName: 'x' }),
  )
  const expected: unknown[] = []
  for await (const { PayloadChunk, InvokeComplete } of EventStream) {
    if (PayloadChunk) expected.push(Buffer.from(PayloadChunk.Payload ?? []).toString())
    if (InvokeComplete) expected.push({ ...InvokeComplete })
  }
  expect(read).toEqual(expected)
})

test('an output is read when there is room for it, and not before', async () => {
  const { ours } = await clients(response =>
    response.writeHead(200, { 'content-length': 5 }).end('"out"'),
  )
  let goOn = () => {}
  const sizes: number[] = []
  const beforeOutput = (bytes: number) => {
    sizes.push(bytes)
    return new Promise<void>(resolve => {
      goOn = resolve
    })
  }
  const payload = Buffer.from('{}')
  const settled = vi.fn()
  const output = ours.invoke({ functionName: 'f', payload, beforeOutput }, signal)
  void output.then(settled)
  await vi.waitUntil(() => sizes.length === 1)
  expect(sizes).toEqual([5])
  expect(settled).not.toHaveBeenCalled()
  goOn()
  expect((await output).payload.toString()).toBe('"out"')
})

test('a connection that breaks while its output waits fails the call at once', async () => {
  const { ours } = await clients(response => {
    response.writeHead(200, { 'content-length': 5 }).write('"o')
    setImmediate(() => response.destroy())
  })
  const payload = Buffer.from('{}')
  const beforeOutput = () => new Promise<void>(() => {})
  const output = ours.invoke({ functionName: 'f', payload, beforeOutput }, signal)
  await expect(output).rejects.toThrow()
})

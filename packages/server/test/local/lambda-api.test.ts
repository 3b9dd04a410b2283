import { InvokeCommand, type InvokeCommandInput, LambdaClient } from '@aws-sdk/client-lambda'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { piecesWritten, sharedFixture, until } from './fixture.ts'
import { sharedClient, startClient } from './lambda-client.ts'
import { open, send, sign } from './signed-request.ts'

const ARN = 'arn:aws:lambda:us-east-1:000000000000:function:'

describe('Invoke', () => {
  test('runs a function by name, partial ARN, ARN, and with a qualifier', async () => {
    const { invoke } = await sharedClient()
    for (const name of [
      'buffered',
      '000000000000:function:buffered',
      `${ARN}buffered`,
      `${ARN}buffered:live`,
    ]) {
      const output = await invoke(name, { case: 'value' })
      expect(output).toMatchObject({
        status: 200,
        version: '$LATEST',
        functionError: undefined,
        payload: '{"some":"value"}',
      })
    }
  })

  test('gives the function its context and client context, and no variable of the developer', async () => {
    vi.stubEnv('SECRET_OF_THE_DEVELOPER', 'x')
    onTestFinished(() => void vi.unstubAllEnvs())
    const { invoke, dynamodbUrl, credentials } = await sharedClient()
    const custom = { custom: { mcp: { caller: 'ünï\u2028code' } } }
    const output = await invoke(
      `${ARN}buffered`,
      { case: 'echo', a: [1] },
      {
        ClientContext: Buffer.from(JSON.stringify(custom)).toString('base64'),
      },
    )
    const { event, context, trace, environment, directory } = output.json()
    expect(event).toEqual({ case: 'echo', a: [1] })
    expect(context).toMatchObject({
      awsRequestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      invokedFunctionArn: `${ARN}buffered`,
      functionName: 'buffered',
      functionVersion: '$LATEST',
      memoryLimitInMB: '128',
      logGroupName: '/aws/lambda/buffered',
      logStreamName: expect.stringMatching(/^local\/\[\$LATEST\][0-9a-f]{32}$/),
      clientContext: custom,
    })
    expect(context.remaining).toBeGreaterThan(1_000)
    expect(context.remaining).toBeLessThanOrEqual(30_000)
    expect(trace).toBe(context.xRayTraceId)
    expect(environment).toMatchObject({
      AWS_REGION: 'us-east-1',
      AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
      AWS_ENDPOINT_URL: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/$/),
      TZ: ':UTC',
    })
    // Neither the tables of the gateway nor a key.
    expect(Object.values(environment)).not.toContain(dynamodbUrl)
    expect(Object.values(environment)).not.toContain(credentials.accessKeyId)
    expect(environment).not.toHaveProperty('AWS_ACCESS_KEY_ID')
    expect(environment).not.toHaveProperty('SECRET_OF_THE_DEVELOPER')
    expect(directory).toBe(environment.LAMBDA_TASK_ROOT)
  })

  test('runs calls that come one after the other in one environment', async () => {
    const { invoke } = await startClient()
    const pids = new Set<number>()
    for (let n = 0; n < 30; n++) pids.add((await invoke('buffered', { case: 'calls' })).json().pid)
    expect(pids.size).toBe(1)
  })

  test('runs the calls of a tenant in an environment of its own, up to the limit', async () => {
    const { invoke } = await startClient({ concurrency: 2 })
    // An environment is idle some time after its response: until then the call is throttled.
    const admitted = (payload: object, TenantId: string | undefined) =>
      vi.waitFor(() => invoke('buffered', payload, { TenantId }))
    const run = async (TenantId: string | undefined) => {
      const { context, calls, pid } = {
        ...(await admitted({ case: 'echo' }, TenantId)).json(),
        ...(await admitted({ case: 'calls' }, TenantId)).json(),
      }
      expect(context.tenantId).toBe(TenantId)
      return { calls, pid }
    }
    const blue = await run('blue')
    const green = await run('green')
    expect(green.pid).not.toBe(blue.pid)
    expect(await run('blue')).toEqual({ ...blue, calls: 2 })
    // One of them makes room: the one that became idle first.
    const none = await run(undefined)
    expect([blue.pid, green.pid]).not.toContain(none.pid)
    const left = () => [blue.pid, green.pid].filter(isAlive)
    await vi.waitUntil(() => left().length < 2)
    expect(left()).toHaveLength(1)
    const [kept, other] = isAlive(blue.pid) ? ['blue', 'green'] : ['green', 'blue']
    expect(left()).toContain((await run(kept)).pid)
    expect([blue.pid, green.pid]).not.toContain((await run(other)).pid)

    for (const TenantId of ['a,b', 'x'.repeat(257)])
      await expect(invoke('buffered', {}, { TenantId })).rejects.toThrow(
        'The tenant id has 1 to 256',
      )
  })

  test.each([
    [
      'throw',
      {
        errorType: 'TypeError',
        errorMessage: 'broken',
        trace: expect.arrayContaining(['TypeError: broken']),
      },
    ],
    ['throw-string', { errorType: 'string', errorMessage: 'just words', trace: [] }],
    [
      'circular',
      {
        errorType: 'Runtime.JSONStringifyError',
        errorMessage: 'Unable to stringify response body',
        trace: expect.any(Array),
      },
    ],
    [
      'exit',
      {
        errorType: 'Runtime.ExitError',
        errorMessage: expect.stringMatching(
          /^RequestId: [0-9a-f-]{36} Error: Runtime exited with error: exit status 7$/,
        ),
      },
    ],
    [
      'exit-zero',
      {
        errorType: 'Runtime.ExitError',
        errorMessage: expect.stringMatching(/without providing a reason$/),
      },
    ],
    [
      'kill',
      { errorType: 'Runtime.ExitError', errorMessage: expect.stringMatching(/signal: SIGSEGV$/) },
    ],
    [
      'crash',
      { errorType: 'Runtime.ExitError', errorMessage: expect.stringMatching(/exit status 1$/) },
    ],
    [
      'silent',
      {
        errorType: 'Sandbox.Timedout',
        errorMessage: expect.stringMatching(
          /^RequestId: [0-9a-f-]{36} Error: Task timed out after 1\.00 seconds$/,
        ),
      },
    ],
    [
      'busy',
      { errorType: 'Sandbox.Timedout', errorMessage: expect.stringMatching(/1\.00 seconds$/) },
    ],
  ])(
    'returns a function error with status 200, and the next invocation works: %s',
    async (name, error) => {
      const functions = ['silent', 'busy'].includes(name) ? 1 : 30
      const { invoke } = await sharedClient({ timeouts: { functions } })
      const output = await invoke('buffered', { case: name })
      expect(output).toMatchObject({ status: 200, functionError: 'Unhandled' })
      expect(output.json()).toEqual(error)
      expect(await invoke('buffered', { case: 'value' })).toMatchObject({
        functionError: undefined,
      })
    },
  )

  test.each([
    ['broken', 'Error', 'not at home'],
    ['callback', 'Runtime.CallbackHandlerDeprecated', expect.stringContaining('promise')],
  ])('returns an init error as a function error: %s', async (name, errorType, errorMessage) => {
    const { invoke } = await sharedClient()
    const output = await invoke(name, {})
    expect(output.functionError).toBe('Unhandled')
    expect(output.json()).toMatchObject({ errorType, errorMessage })
  })

  test('returns an output of 6 MB, and a function error for a larger one', async () => {
    const { invoke } = await sharedClient()
    // The output is a JSON string, which has two quotes.
    const limit = 6 * 1024 * 1024 + 100
    expect((await invoke('buffered', { case: 'large', size: limit - 2 })).payload).toHaveLength(
      limit,
    )
    const output = await invoke('buffered', { case: 'large', size: limit - 1 })
    expect(output.functionError).toBe('Unhandled')
    expect(output.json()).toMatchObject({ errorType: 'Function.ResponseSizeTooLarge' })
  })

  test('collects the output of a streaming function, or returns its error', async () => {
    const { invoke } = await sharedClient()
    expect(await invoke('streaming', { case: 'raw' })).toMatchObject({
      functionError: undefined,
      payload: 'raw',
    })
    const output = await invoke('streaming', { case: 'throw-later' })
    expect(output).toMatchObject({ functionError: 'Unhandled' })
    expect(output.json()).toMatchObject({ errorType: 'RangeError', errorMessage: 'in the middle' })
  })

  test('returns an error with a long message', async () => {
    const { invoke, pids } = await startClient()
    const { functionError, json } = await invoke('streaming', { case: 'long-error' })
    expect(functionError).toBe('Unhandled')
    expect(json().errorMessage).toHaveLength(500_000)
    expect(pids()).toHaveLength(1)
  })

  test('does not run a DryRun, and responds to an Event before the function has ended', async () => {
    const local = await startClient()
    expect(
      await local.invoke('buffered', { case: 'log' }, { InvocationType: 'DryRun' }),
    ).toMatchObject({ status: 204 })
    expect(local.pids()).toEqual([])
    expect(
      await local.invoke('buffered', { case: 'log' }, { InvocationType: 'Event' }),
    ).toMatchObject({ status: 202, payload: undefined })
    await until(() => local.logged('straight to stderr'))
  })

  const LARGE = JSON.stringify('a'.repeat(6 * 1024 * 1024))
  const refused: Record<
    string,
    [object, name: string, payload?: string, Partial<InvokeCommandInput>?]
  > = {
    'an unknown function': [
      { name: 'ResourceNotFoundException', $metadata: { httpStatusCode: 404 } },
      'unknown',
    ],
    'a dry run of an unknown function': [
      { name: 'ResourceNotFoundException' },
      'unknown',
      '{}',
      { InvocationType: 'DryRun' },
    ],
    'a function name that is a path': [{ name: 'ResourceNotFoundException' }, '../buffered'],
    'an event that is not JSON': [
      { name: 'InvalidRequestContentException', $metadata: { httpStatusCode: 400 } },
      'buffered',
      '{',
    ],
    'an event above 6 MB': [
      { name: 'RequestTooLargeException', $metadata: { httpStatusCode: 413 } },
      'buffered',
      LARGE,
    ],
    'a client context that is not JSON': [
      { name: 'InvalidRequestContentException' },
      'buffered',
      '{}',
      { ClientContext: 'bm8ganNvbg==' },
    ],
    'a client context that is too long': [
      { name: 'InvalidRequestContentException' },
      'buffered',
      '{}',
      { ClientContext: 'a'.repeat(3584) },
    ],
  }
  test.each(Object.entries(refused))(
    'refuses %s',
    async (_, [error, name, payload = '{}', input]) => {
      const { invoke } = await sharedClient()
      await expect(invoke(name, payload, input)).rejects.toMatchObject(error)
    },
  )

  test('refuses a wrong signature', async () => {
    const { lambdaUrl: endpoint, region, credentials } = await sharedFixture()
    const client = new LambdaClient({
      endpoint,
      region,
      credentials: { ...credentials, secretAccessKey: 'x' },
    })
    await expect(
      client.send(new InvokeCommand({ FunctionName: 'buffered' })),
    ).rejects.toMatchObject({
      name: 'InvalidSignatureException',
    })
  })
})

describe('InvokeWithResponseStream', () => {
  test('sends a PayloadChunk per write and then InvokeComplete', async () => {
    const { stream } = await sharedClient()
    const { body, complete } = await stream('streaming', { case: 'objects' })
    expect(body).toBe('{"a":1}\n')
    expect(complete).toEqual([{}])
  })

  test('leaves the prelude of an HTTP response in the payload and names its content type', async () => {
    const { stream, lambdaUrl } = await sharedClient()
    const payload = { case: 'delayed' }
    const { body } = await stream('streaming', payload)
    expect(body).toBe('{"statusCode":200,"headers":{}}\0\0\0\0\0\0\0\0one\ntwo\nthree\n')

    const target = '/2021-11-15/functions/streaming/response-streaming-invocations'
    const raw = await sign(lambdaUrl, { method: 'POST', target, body: JSON.stringify(payload) })
    expect((await send(lambdaUrl, raw)).headers).toMatchObject({
      'content-type': 'application/vnd.amazon.eventstream',
      'x-amzn-remapped-content-type': 'application/vnd.awslambda.http-integration-response',
    })
  })

  test('applies the back-pressure of a slow caller, and runs on when the caller disconnects', async () => {
    const local = await startClient()
    const target = '/2021-11-15/functions/streaming/response-streaming-invocations'
    const body = JSON.stringify({ case: 'many', rawQueryString: 'pieces=1024' })
    const response = await open(
      local.lambdaUrl,
      await sign(local.lambdaUrl, { method: 'POST', target, body }),
    )
    expect(await piecesWritten(local)).toBeLessThan(900)
    response.destroy()
    await until(() => local.logged('wrote all'))
  })

  test('sends the output of a buffered function as one chunk', async () => {
    const { stream } = await sharedClient()
    expect(await stream('buffered', { case: 'value' })).toMatchObject({
      chunks: ['{"some":"value"}'],
      complete: [{}],
    })
  })

  test.each(['throw-before', 'throw-later', 'exit-later'])(
    'sends InvokeComplete without an error code after a failure: %s',
    async name => {
      const { stream } = await sharedClient()
      expect(await stream('streaming', { case: name })).toMatchObject({ complete: [{}] })
    },
  )

  test('sends the error of a buffered function as payload', async () => {
    const { stream } = await sharedClient()
    const { body, complete } = await stream('buffered', { case: 'throw' })
    expect(JSON.parse(body)).toMatchObject({ errorType: 'TypeError', errorMessage: 'broken' })
    expect(complete).toEqual([{}])
  })
})

test('passes each line that a function prints to the log, with its name and request id', async () => {
  const local = await startClient()
  await local.invoke('buffered', { case: 'log' })
  const lines = local.logs.filter(it => it.functionName === 'buffered')
  await until(() => local.logged('straight to stderr'))
  const requestId = lines[0]?.requestId
  expect(requestId).toMatch(/^[0-9a-f-]{36}$/)
  const time = '\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z'
  expect(lines.map(it => it.message)).toEqual(
    expect.arrayContaining([
      expect.stringMatching(`^${time}\\t${requestId}\\tINFO\\tfirst \\{ a: 1 \\}$`),
      expect.stringMatching(`^${time}\\t${requestId}\\tWARN\\ttwo\\rlines$`),
    ]),
  )
})

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

import { InvokeCommand, type InvokeCommandInput, LambdaClient } from '@aws-sdk/client-lambda'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { piecesWritten, startFixture } from './fixture.ts'
import { startClient } from './lambda-client.ts'
import { open, send, sign } from './signed-request.ts'

const ARN = 'arn:aws:lambda:us-east-1:000000000000:function:'

describe('Invoke', () => {
  test('runs a function by name, partial ARN, ARN, and with a qualifier', async () => {
    const { invoke } = await startClient()
    for (const name of [
      'buffered',
      '000000000000:function:buffered',
      `${ARN}buffered`,
      `${ARN}buffered:live`,
    ]) {
      const answer = await invoke(name, { case: 'value' })
      expect(answer).toMatchObject({
        status: 200,
        version: '$LATEST',
        functionError: undefined,
        payload: '{"some":"value"}',
      })
    }
  })

  test('gives the function its context, its client context and nothing of our environment', async () => {
    vi.stubEnv('SECRET_OF_THE_DEVELOPER', 'x')
    onTestFinished(() => void vi.unstubAllEnvs())
    const { invoke, lambdaUrl, dynamodbUrl } = await startClient()
    const custom = { custom: { mcp: { caller: 'ünï\u2028code' } } }
    const answer = await invoke(
      `${ARN}buffered`,
      { case: 'echo', a: [1] },
      {
        ClientContext: Buffer.from(JSON.stringify(custom)).toString('base64'),
      },
    )
    const { event, context, trace, environment, directory } = answer.json()
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
    expect(context.remaining).toBeGreaterThan(25_000)
    expect(context.remaining).toBeLessThanOrEqual(30_000)
    expect(trace).toBe(context.xRayTraceId)
    expect(environment).toMatchObject({
      AWS_REGION: 'us-east-1',
      AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
      AWS_ENDPOINT_URL_LAMBDA: lambdaUrl,
      AWS_ENDPOINT_URL_DYNAMODB: dynamodbUrl,
      TZ: ':UTC',
    })
    expect(environment).not.toHaveProperty('SECRET_OF_THE_DEVELOPER')
    expect(directory).toBe(environment.LAMBDA_TASK_ROOT)
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
  ])('reports what became of %s with status 200', async (name, error) => {
    const { invoke } = await startClient({ timeouts: { functions: 1 } })
    const answer = await invoke('buffered', { case: name })
    expect(answer).toMatchObject({ status: 200, functionError: 'Unhandled' })
    expect(answer.json()).toEqual(error)
    // and the function is as good as new
    expect(await invoke('buffered', { case: 'value' })).toMatchObject({ functionError: undefined })
  })

  test.each([
    ['broken', 'Error', 'not at home'],
    ['callback', 'Runtime.CallbackHandlerDeprecated', expect.stringContaining('promise')],
  ])('reports an init error: %s', async (name, errorType, errorMessage) => {
    const { invoke } = await startClient()
    const answer = await invoke(name, {})
    expect(answer.functionError).toBe('Unhandled')
    expect(answer.json()).toMatchObject({ errorType, errorMessage })
  })

  test('a response of 6 MB arrives, a larger one is a function error', async () => {
    const { invoke } = await startClient()
    // the result is a JSON string, so it comes with two quotes
    const limit = 6 * 1024 * 1024 + 100
    expect((await invoke('buffered', { case: 'large', size: limit - 2 })).payload).toHaveLength(
      limit,
    )
    const answer = await invoke('buffered', { case: 'large', size: limit - 1 })
    expect(answer.functionError).toBe('Unhandled')
    expect(answer.json()).toMatchObject({ errorType: 'Function.ResponseSizeTooLarge' })
  })

  test('collects what a streaming function sends, and its error instead when it fails', async () => {
    const { invoke } = await startClient()
    expect(await invoke('streaming', { case: 'raw' })).toMatchObject({
      functionError: undefined,
      payload: 'raw',
    })
    const answer = await invoke('streaming', { case: 'throw-later' })
    expect(answer).toMatchObject({ functionError: 'Unhandled' })
    expect(answer.json()).toMatchObject({ errorType: 'RangeError', errorMessage: 'in the middle' })
  })

  test('an error with a long message arrives', async () => {
    const { invoke, pids } = await startClient()
    const { functionError, json } = await invoke('streaming', { case: 'long-error' })
    expect(functionError).toBe('Unhandled')
    expect(json().errorMessage).toHaveLength(500_000)
    expect(pids()).toHaveLength(1)
  })

  test('DryRun runs nothing, Event answers at once', async () => {
    const local = await startClient()
    expect(
      await local.invoke('buffered', { case: 'log' }, { InvocationType: 'DryRun' }),
    ).toMatchObject({ status: 204 })
    expect(local.pids()).toEqual([])
    expect(
      await local.invoke('buffered', { case: 'log' }, { InvocationType: 'Event' }),
    ).toMatchObject({ status: 202, payload: undefined })
    await vi.waitUntil(() => local.logged('straight to stderr'))
  })

  const LARGE = JSON.stringify('a'.repeat(6 * 1024 * 1024))
  const refused: Record<
    string,
    [object, name: string, payload?: string, Partial<InvokeCommandInput>?]
  > = {
    'an unknown function': [
      { name: 'ResourceNotFoundException', $metadata: { httpStatusCode: 404 } },
      'nobody',
    ],
    'a dry run of one': [
      { name: 'ResourceNotFoundException' },
      'nobody',
      '{}',
      { InvocationType: 'DryRun' },
    ],
    'a path': [{ name: 'ResourceNotFoundException' }, '../buffered'],
    'what is no JSON': [
      { name: 'InvalidRequestContentException', $metadata: { httpStatusCode: 400 } },
      'buffered',
      '{',
    ],
    'more than 6 MB': [
      { name: 'RequestTooLargeException', $metadata: { httpStatusCode: 413 } },
      'buffered',
      LARGE,
    ],
    'a client context that is no JSON': [
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
      const { invoke } = await startClient()
      await expect(invoke(name, payload, input)).rejects.toMatchObject(error)
    },
  )

  test('refuses a caller that it does not know', async () => {
    const { lambdaUrl: endpoint, region, credentials } = await startFixture()
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
  test('sends each piece as a chunk and then that it is complete', async () => {
    const { stream } = await startClient()
    const { body, complete } = await stream('streaming', { case: 'objects' })
    expect(body).toBe('{"a":1}\n')
    expect(complete).toEqual([{}])
  })

  test('leaves the prelude of an HTTP response in the payload, known by the content type', async () => {
    const { stream, lambdaUrl } = await startClient()
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

  test('makes the function wait for a slow caller', async () => {
    const local = await startClient()
    const target = '/2021-11-15/functions/streaming/response-streaming-invocations'
    const body = JSON.stringify({ case: 'many', rawQueryString: '1024' })
    const response = await open(
      local.lambdaUrl,
      await sign(local.lambdaUrl, { method: 'POST', target, body }),
    )
    expect(await piecesWritten(local)).toBeLessThan(900)
    // and lets it go on when the caller leaves
    response.destroy()
    await vi.waitUntil(() => local.logged('wrote all'), { timeout: 10_000 })
  })

  test('sends the result of a buffered function as one chunk', async () => {
    const { stream } = await startClient()
    expect(await stream('buffered', { case: 'value' })).toMatchObject({
      chunks: ['{"some":"value"}'],
      complete: [{}],
    })
  })

  test.each(['throw-before', 'throw-later', 'exit-later'])(
    'ends without an error code, as AWS does: %s',
    async name => {
      const { stream } = await startClient()
      expect(await stream('streaming', { case: name })).toMatchObject({ complete: [{}] })
    },
  )

  test('sends the JSON of a buffered error as payload', async () => {
    const { stream } = await startClient()
    const { body, complete } = await stream('buffered', { case: 'throw' })
    expect(JSON.parse(body)).toMatchObject({ errorType: 'TypeError', errorMessage: 'broken' })
    expect(complete).toEqual([{}])
  })
})

test('what a function prints is passed on line by line, under its name and request', async () => {
  const local = await startClient()
  await local.invoke('buffered', { case: 'log' })
  const lines = local.logs.filter(it => it.functionName === 'buffered')
  await vi.waitUntil(() => local.logged('straight to stderr'))
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

import { expect, onTestFinished, test, vi } from 'vitest'

import { bufferedHandler } from '../../src/lambda/handler.ts'

const event = {
  rawPath: '/register',
  rawQueryString: '',
  headers: {},
  isBase64Encoded: false,
  requestContext: {
    domainName: 'abc.lambda-url.eu-central-1.on.aws',
    requestId: 'request-1',
    http: { method: 'GET' },
    authorizer: {
      iam: { userArn: 'arn:aws:iam::123456789012:user/admin', accountId: '123456789012' },
    },
  },
}
const context = { awsRequestId: 'request-1', getRemainingTimeInMillis: () => 1_000 }

const handler = bufferedHandler(async (_, { caller }) => Response.json(caller.arn))

test('an event of the Function URL is served', async () => {
  expect(await handler(event, context)).toMatchObject({ statusCode: 200 })
})

test.each<[string, unknown, object]>([
  ['the id of another request', event, { awsRequestId: 'request-2' }],
  ['a client context', event, { clientContext: { custom: {} } }],
  ['an empty client context', event, { clientContext: {} }],
  ['no request context', { ...event, requestContext: undefined }, {}],
  ['no HTTP request', { ...event, requestContext: { requestId: 'request-1' } }, {}],
  ['no request id', { ...event, requestContext: { http: { method: 'GET' } } }, {}],
  ['no id on either side', { requestContext: { http: {} } }, { awsRequestId: undefined }],
  ['no object', 'text', {}],
  ['null', null, {}],
  ['a list', [event], {}],
  ['the arguments of a tool', { path: '/register' }, {}],
])('an event with %s is refused, and the refusal is logged', async (_, sent, difference) => {
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
  vi.stubEnv('_X_AMZN_TRACE_ID', 'Root=1-0af76519-16cd43dd8448eb211c80319c;Sampled=0')
  onTestFinished(() => {
    warn.mockRestore()
    vi.unstubAllEnvs()
  })
  const response = await handler(sent, { ...context, ...difference })
  expect(response.statusCode).toBe(403)
  expect(JSON.parse(response.body).error).toMatchObject({
    code: 'access_denied',
    message: expect.stringContaining('Function URL'),
  })
  const trace_id = '0af7651916cd43dd8448eb211c80319c'
  expect(warn.mock.calls).toEqual([[expect.objectContaining({ trace_id })]])
})

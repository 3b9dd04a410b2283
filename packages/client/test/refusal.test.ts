import { afterEach, expect, test, vi } from 'vitest'

import { refusal } from '../src/request/refusal.ts'

const url = new URL('https://abc.lambda-url.us-east-1.on.aws/message?sessionId=s-1')
const options = {}

afterEach(() => vi.unstubAllEnvs())

const answer = (status: number, body: unknown = '', headers: Record<string, string> = {}) =>
  new Response(typeof body === 'string' ? body : JSON.stringify(body), { status, headers })

const iam = (type: string, Message: string | null = 'Forbidden') =>
  answer(403, { Message }, { 'x-amzn-errortype': type })

// The bodies are those of Function URLs and of IAM in front of other services.
test.each<[what: string, Response, code: string, hint: RegExp]>([
  ['a 401', answer(401), 'invalid_credentials', /aws sso login/],
  [
    'a caller without permission',
    iam('AccessDeniedException'),
    'access_denied',
    /lambda:InvokeFunctionUrl and lambda:InvokeFunction /,
  ],
  ['an unknown Function URL', answer(403, { Message: null }), 'access_denied', /URL exists/],
  ['a 403 without a reason', answer(403), 'access_denied', /./],
  [
    'a caller that the gateway refuses',
    answer(403, { error: { code: 'access_denied', message: 'not allowed' } }),
    'access_denied',
    /./,
  ],
  ['an unsigned request', iam('MissingAuthenticationTokenException'), 'invalid_credentials', /./],
  [
    'an unknown key',
    iam('UnrecognizedClientException', 'The security token included in the request is invalid.'),
    'invalid_credentials',
    /AWS_SESSION_TOKEN/,
  ],
  [
    'an expired token',
    iam('ExpiredTokenException', 'The security token included in the request is expired'),
    'expired_token',
    /aws sso login/,
  ],
  [
    'an expired token that only the message tells of',
    answer(403, { message: 'The security token included in the request is expired' }),
    'expired_token',
    /./,
  ],
  [
    'a wrong signature',
    iam(
      'InvalidSignatureException',
      'The request signature we calculated does not match the signature you provided.',
    ),
    'signature_mismatch',
    /region us-east-1, service lambda/,
  ],
  [
    'an old signature',
    iam(
      'InvalidSignatureException:http://internal.amazon.com/coral/',
      'Signature expired: 20260101T000000Z is now earlier than 20260101T001000Z (20260101T001500Z - 5 min.)',
    ),
    'clock_skew',
    /clock/,
  ],
  [
    'a signature of the future',
    iam('InvalidSignatureException', 'Signature not yet current: 20260101T001000Z is still later'),
    'clock_skew',
    /clock/,
  ],
  ['an unknown session', answer(404), 'session_not_found', /new transport/],
  ['a rate limit', answer(429, { Message: 'Rate Exceeded.' }), 'rate_limited', /concurrency/],
  ['a crash', answer(502, 'Internal Server Error'), 'server_error', /log/],
  ['a message that is too large', answer(413), 'request_refused', /./],
])('%s becomes %3$s', async (_, response, code, hint) => {
  const error = await refusal(response, 'message', url, options)
  expect(error).toMatchObject({
    code,
    status: response.status,
    hint: expect.stringMatching(hint),
    retryable: code === 'rate_limited',
  })
})

test.each([
  ['no such page', 'request_refused'],
  [{ error: { code: 'session_not_found', message: 'gone' } }, 'session_not_found'],
])(
  'a 404 to the stream is a missing endpoint, unless the gateway says more: %j',
  async (body, code) => {
    expect(await refusal(answer(404, body), 'stream', url, options)).toMatchObject({ code })
  },
)

test('a server error to the stream may be tried again, since nothing was asked to run', async () => {
  expect(await refusal(answer(503), 'stream', url, options)).toMatchObject({ retryable: true })
})

test.each([
  [{ 'x-amzn-requestid': 'r-1' }, {}, 'r-1'],
  [{}, { error: { code: 'bad_request', message: 'm', requestId: 'r-2' } }, 'r-2'],
  [{}, {}, undefined],
])('the request id is that of %j or %j', async (headers, body, requestId) => {
  const error = await refusal(answer(400, body, headers), 'message', url, options)
  expect(error.requestId).toBe(requestId)
})

test('the message says who refused and why, and shows neither the query nor the canonical request', async () => {
  const response = iam(
    'SignatureDoesNotMatch',
    'The request signature we calculated does not match.\n\nx-amz-security-token:secret',
  )
  expect((await refusal(response, 'message', url, options)).message).toBe(
    'https://abc.lambda-url.us-east-1.on.aws/message answered 403 SignatureDoesNotMatch: The request signature we calculated does not match.',
  )
})

test('the hint for an expired token names the profile', async () => {
  const expired = () => iam('ExpiredTokenException')
  expect(await refusal(expired(), 'stream', url, { profile: 'tools' })).toMatchObject({
    hint: 'Log in again, for instance with "aws sso login --profile tools".',
  })
  vi.stubEnv('AWS_PROFILE', 'other')
  expect((await refusal(expired(), 'stream', url, options)).hint).toContain('--profile other')
})

test('a body that never ends is read as far as it comes', async () => {
  const cancel = vi.fn()
  const endless = new ReadableStream({
    start: controller => controller.enqueue(new TextEncoder().encode('out of order')),
    cancel,
  })
  const error = await refusal(new Response(endless, { status: 500 }), 'message', url, options)
  expect(error.message).toContain('out of order')
  expect(cancel).toHaveBeenCalled()
})

test('a body that is too long is cut off', async () => {
  const pull = vi.fn(controller => controller.enqueue(new Uint8Array(16 * 1024).fill(120)))
  const endless = new ReadableStream({ pull })
  const error = await refusal(new Response(endless, { status: 500 }), 'message', url, options)
  expect(error.message.length).toBeLessThan(1_000)
  expect(pull.mock.calls.length).toBeLessThan(10)
})

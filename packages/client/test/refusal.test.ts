import { afterEach, expect, test, vi } from 'vitest'

import { readHttpError } from '../src/request/http-error.ts'
import { credentialRefusal, readRefusal } from '../src/request/refusal.ts'
import { signedFetch } from '../src/signing/signed-fetch.ts'
import { REFUSED, type RefusedOptions, startFunctionUrl } from './support/function-url.ts'
import { KEY, REGION } from './support/verifier.ts'

const url = new URL('https://abc.lambda-url.us-east-1.on.aws/message?sessionId=s-1')

afterEach(() => vi.unstubAllEnvs())

const respond = (status: number, body: unknown = '', headers: Record<string, string> = {}) =>
  new Response(typeof body === 'string' ? body : JSON.stringify(body), { status, headers })

const iam = (type: string, Message: string | null = 'Forbidden') =>
  respond(403, { Message }, { 'x-amzn-errortype': type })

const errorOf = readHttpError

// The bodies are those of Function URLs and of IAM in front of other services.
test.each<[what: string, Response, code: string, hint: RegExp]>([
  ['a 401', respond(401), 'invalid_credentials', /aws sso login/],
  [
    'a caller without permission',
    iam('AccessDeniedException'),
    'access_denied',
    /lambda:InvokeFunctionUrl and lambda:InvokeFunction .* grant --as client --to/,
  ],
  ['an unknown Function URL', respond(403, { Message: null }), 'access_denied', /URL exists/],
  ['a 403 without a reason', respond(403), 'access_denied', /./],
  [
    'a caller that the gateway refuses',
    respond(403, { error: { code: 'access_denied', message: 'not allowed' } }),
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
    'an expired token that only the message mentions',
    respond(403, { message: 'The security token included in the request is expired' }),
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
  [
    'another region in the credential scope',
    iam('SignatureDoesNotMatch', 'Credential should be scoped to a valid region.'),
    'wrong_region',
    /region us-east-1.*AWS_REGION/,
  ],
  [
    'another service in the credential scope',
    iam(
      'InvalidSignatureException',
      "Credential should be scoped to correct service: 'execute-api'.",
    ),
    'wrong_service',
    /service lambda.*execute-api/,
  ],
  ['an unknown session', respond(404), 'session_not_found', /new transport/],
  ['a rate limit', respond(429, { Message: 'Rate Exceeded.' }), 'rate_limited', /concurrency/],
  [
    'a rate limit of the gateway',
    respond(429, { error: { code: 'rate_limited', message: 'Too many calls' } }),
    'rate_limited',
    /send less often/,
  ],
  [
    'a table that cannot be used',
    respond(503, { error: { code: 'service_unavailable', message: 'Send it again' } }),
    'service_unavailable',
    /Wait and try again/,
  ],
  ['a 503 of a proxy', respond(503, 'Service Unavailable'), 'server_error', /log/],
  ['a crash', respond(502, 'Internal Server Error'), 'server_error', /log/],
  ['a message that is too large', respond(413), 'request_refused', /./],
])('%s becomes %3$s', async (_, response, code, hint) => {
  const error = await errorOf(response, 'message', url, {})
  expect(error).toMatchObject({
    code,
    status: response.status,
    hint: expect.stringMatching(hint),
    retryable: code === 'rate_limited' || code === 'service_unavailable',
  })
})

test.each(REFUSED)(
  'a request with %s is refused by the verifier as %s',
  async (_, code, { clockAhead, ...options }: RefusedOptions) => {
    const server = new URL(`${await startFunctionUrl({ clockAhead })}/mcp?x=1`)
    const signing = { credentials: KEY, region: REGION, ...options }
    const response = await signedFetch(signing)(server)
    const refusal = await readRefusal(response, { ...signing, url: server })
    expect(refusal).toMatchObject({ code, status: 403, requestId: 'r-1', retryable: false })
    expect(refusal.message).toMatch(/\/mcp answered 403 \w+Exception: /)
  },
)

test('a request with the right key is accepted by the same verifier', async () => {
  const signing = { credentials: KEY, region: REGION }
  expect((await signedFetch(signing)(await startFunctionUrl())).status).toBe(200)
})

test.each([
  ['ExpiredToken The security token included in the request is expired', 'expired_token'],
  [
    'InvalidClientTokenId The security token included in the request is invalid.',
    'invalid_credentials',
  ],
  [
    'SignatureDoesNotMatch The request signature we calculated does not match',
    'signature_mismatch',
  ],
  ['AccessDenied User is not authorized to perform cloudformation:CreateStack', undefined],
])('an SDK error with the text "%s" is read as %s', (reason, code) => {
  expect(credentialRefusal(reason)).toBe(code)
})

test.each([
  ['no such page', 'request_refused'],
  [{ error: { code: 'session_not_found', message: 'gone' } }, 'session_not_found'],
])(
  'a 404 to a stream means a missing endpoint, unless the gateway names another code: %j',
  async (body, code) => {
    expect(await errorOf(respond(404, body), 'stream', url, {})).toMatchObject({ code })
  },
)

test('the hint says that the URL is the RegistrationUrl where the registration API responds', async () => {
  const message = 'There is no /mcp here: the endpoints are /register, /register/{id}'
  const response = respond(404, { error: { code: 'not_found', message } })
  const gateway = new URL('https://abc.lambda-url.us-east-1.on.aws/mcp')
  expect(await errorOf(response, 'sessionless', gateway, {})).toMatchObject({
    code: 'request_refused',
    hint: expect.stringContaining('Give its McpUrl'),
  })
})

test('a server error in response to a stream is retryable, since a stream runs nothing', async () => {
  expect(await errorOf(respond(503), 'stream', url, {})).toMatchObject({ retryable: true })
})

test.each([
  [{ 'x-amzn-requestid': 'r-1' }, {}, 'r-1'],
  [{}, { error: { code: 'bad_request', message: 'm', requestId: 'r-2' } }, 'r-2'],
  [{}, {}, undefined],
])('the request id comes from the headers %j or the body %j', async (headers, body, requestId) => {
  const error = await errorOf(respond(400, body, headers), 'message', url, {})
  expect(error.requestId).toBe(requestId)
})

test('the message names who refused and why, without the query and the canonical request', async () => {
  const response = iam(
    'SignatureDoesNotMatch',
    'The request signature we calculated does not match.\n\nx-amz-security-token:secret',
  )
  expect((await readRefusal(response, { url })).message).toBe(
    'https://abc.lambda-url.us-east-1.on.aws/message answered 403 SignatureDoesNotMatch: The request signature we calculated does not match.',
  )
})

test('the hint for an expired token names the profile', async () => {
  const expired = () => iam('ExpiredTokenException')
  expect(await readRefusal(expired(), { url, profile: 'tools' })).toMatchObject({
    hint: 'Log in again, for instance with "aws sso login --profile tools".',
  })
  vi.stubEnv('AWS_PROFILE', 'other')
  expect((await readRefusal(expired(), { url })).hint).toContain('--profile other')
})

test('Retry-After is read as seconds and as a date, and an invalid one is ignored', async () => {
  const read = async (value: string) =>
    (await readRefusal(respond(429, '', { 'retry-after': value }), { url })).retryAfterMs
  expect(await read('3')).toBe(3_000)
  expect(await read(new Date(Date.now() - 60_000).toUTCString())).toBe(0)
  expect(await read(new Date(Date.now() + 60_000).toUTCString())).toBeGreaterThan(50_000)
  expect(await read('soon')).toBeUndefined()
  expect((await readRefusal(respond(429), { url })).retryAfterMs).toBeUndefined()
})

test('a body that never ends is read as far as it comes', async () => {
  const cancel = vi.fn()
  const endless = new ReadableStream({
    start: controller => controller.enqueue(new TextEncoder().encode('out of order')),
    cancel,
  })
  const { message } = await readRefusal(new Response(endless, { status: 500 }), { url })
  expect(message).toContain('out of order')
  expect(cancel).toHaveBeenCalled()
})

test('a body that is too long is cut off', async () => {
  const pull = vi.fn(controller => controller.enqueue(new Uint8Array(16 * 1024).fill(120)))
  const endless = new ReadableStream({ pull })
  const { message } = await readRefusal(new Response(endless, { status: 500 }), { url })
  expect(message.length).toBeLessThan(1_000)
  expect(pull.mock.calls.length).toBeLessThan(10)
})

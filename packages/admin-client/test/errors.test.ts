import { readFile } from 'node:fs/promises'

import { expect, test, vi } from 'vitest'

import { REFUSED, startFunctionUrl } from '../../client/test/support/function-url.ts'
import { KEY, REGION } from '../../client/test/support/verifier.ts'
import { createGateway } from '../../server/src/gateway/gateway.ts'
import { toResponse } from '../../server/src/http/errors.ts'
import { ERROR_CODES } from '../src/api-schema.ts'
import { ADMIN_ERRORS } from '../src/errors.ts'
import { AdminError, type AdminErrorCode, createAdminClient } from '../src/index.ts'

const signing = { credentials: KEY, region: REGION }

/** What a call to a Function URL with this response fails with. */
async function errorOf(response: () => Response | Promise<Response>): Promise<AdminError> {
  const url = await startFunctionUrl({ respond: response })
  // A repetition of a call is immediate.
  const random = vi.spyOn(Math, 'random').mockReturnValue(0)
  try {
    return await failureOf(createAdminClient({ url, ...signing }).get('tool-a'))
  } finally {
    random.mockRestore()
  }
}

const failureOf = (call: Promise<unknown>): Promise<AdminError> =>
  call.then(
    () => expect.fail('the call succeeded'),
    error => error,
  )

test.each(REFUSED)(
  'a call with %s is refused as %s, as in the client package',
  async (_, code, { clockAhead, ...options }) => {
    const url = await startFunctionUrl({ clockAhead })
    const client = createAdminClient({ url, ...signing, ...options })
    const error = await failureOf(client.registerTool({ name: 'a', lambdaArn: 'arn' }))
    expect(error).toBeInstanceOf(AdminError)
    expect(error).toMatchObject({ code, status: 403, requestId: 'r-1', retryable: false })
    expect(error.hint).toContain(ADMIN_ERRORS[code as AdminErrorCode])
  },
)

test('a call with a right key succeeds against the same verifier', async () => {
  const url = await startFunctionUrl({ respond: () => Response.json({ id: 'tool-a' }) })
  expect(await createAdminClient({ url, ...signing }).get('tool-a')).toEqual({ id: 'tool-a' })
})

// The bodies are those of IAM in front of other services.
test.each([
  [
    'ExpiredTokenException',
    'The security token included in the request is expired',
    'expired_token',
  ],
  ['AccessDeniedException', 'Forbidden. For troubleshooting see: …', 'access_denied'],
])('a refusal with %s is %3$s', async (type, message, code) => {
  const error = await errorOf(() =>
    Response.json({ message }, { status: 403, headers: { 'x-amzn-errortype': type } }),
  )
  expect(error).toMatchObject({ code, hint: expect.stringMatching(/\S/), retryable: false })
})

test('a wrong region says for which region the request was signed', async () => {
  const url = await startFunctionUrl()
  const client = createAdminClient({ url, ...signing, region: 'eu-west-1' })
  expect(await failureOf(client.get('tool-a'))).toMatchObject({
    code: 'wrong_region',
    hint: expect.stringContaining('region eu-west-1'),
  })
})

test('a caller without permission is told how to get it as an administrator', async () => {
  const { code, hint } = await errorOf(() =>
    Response.json({ Message: 'Forbidden' }, { status: 403 }),
  )
  expect(code).toBe('access_denied')
  expect(hint).toContain('grant --as admin --to')
})

test('the McpUrl instead of the RegistrationUrl is recognized', async () => {
  const gateway = createGateway({} as Parameters<typeof createGateway>[0])
  const url = await startFunctionUrl({
    async respond(request) {
      const path = new URL(request.url).pathname
      const toRequest = () => request
      const http = { method: 'GET', path, query: '', headers: {}, text: undefined, toRequest }
      const response = await gateway(http, {} as never).catch((error: unknown) =>
        toResponse(error, 'r-2'),
      )
      return response instanceof Response ? response : Response.error()
    },
  })
  for (const path of ['', '/', '/mcp', '/sse', '/register'])
    expect(
      await failureOf(createAdminClient({ url: url + path, ...signing }).get('tool-a')),
    ).toMatchObject({
      code: 'not_found',
      status: 404,
      requestId: 'r-2',
      message: expect.stringContaining('This is the McpUrl of the stack'),
      hint: expect.stringContaining('Give the RegistrationUrl'),
    })
})

test.each(ERROR_CODES.filter(code => code !== 'session_not_found'))(
  'the code %s of the API comes with a hint',
  async code => {
    const body = { error: { code, message: 'no', requestId: 'r-2' } }
    const error = await errorOf(() => Response.json(body, { status: 409 }))
    expect(error).toMatchObject({ code, message: 'no', requestId: 'r-2', hint: ADMIN_ERRORS[code] })
    expect(error.hint).toMatch(/\S/)
  },
)

test('a code of a newer API is kept, and the hint says to update', async () => {
  const body = { error: { code: 'brand_new', message: 'no' } }
  const error = await errorOf(() => Response.json(body, { status: 409 }))
  expect(error).toMatchObject({ code: 'brand_new', hint: expect.stringContaining('update') })
})

test.each([
  [429, {}, true],
  [503, {}, true],
  [400, { error: { code: 'bad_request', message: 'no' } }, false],
])('a %i to a call that does no harm twice is retryable: %3$s', async (status, body, retryable) => {
  const error = await errorOf(() => Response.json(body, { status }))
  expect(error.retryable).toBe(retryable)
})

test('the pause that the server asks for is in the error', async () => {
  const url = await startFunctionUrl({
    respond: () => new Response('', { status: 429, headers: { 'retry-after': '3600' } }),
  })
  expect(await failureOf(createAdminClient({ url, ...signing }).get('tool-a'))).toMatchObject({
    code: 'rate_limited',
    retryAfterMs: 3_600_000,
  })
})

test('the README lists exactly the codes of AdminError', async () => {
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')
  const [table = ''] = (readme.split('\n## Errors\n')[1] ?? '').split('\n## ')
  const codes = [...table.matchAll(/^\| `(?!code`)(\w+)` +\|/gm)].map(([, code]) => code)
  expect(codes).toEqual(Object.keys(ADMIN_ERRORS).sort())
})

test('a credential that a refusal echoes is in no message', async () => {
  const credentials = { ...KEY, sessionToken: 'c2Vzc2lvbi10b2tlbi1vZi1hLXRlc3Q4Nzk' }
  const forms = (text: string) => [
    text,
    encodeURIComponent(text),
    Buffer.from(text).toString('base64'),
    JSON.stringify(text),
  ]
  for (const status of [400, 403, 409, 500])
    for (const n of forms('').keys())
      for (const wrap of [
        (text: string) => JSON.stringify({ Message: text }),
        (text: string) => JSON.stringify({ error: { code: 'access_denied', message: text } }),
        (text: string) => text,
        (text: string) => {
          const issues = [{ path: text, message: text }]
          return JSON.stringify({
            error: { code: 'bad_request', message: text, requestId: text, issues },
          })
        },
      ]) {
        const fetch = async (_: unknown, init?: RequestInit) => {
          const headers = new Headers(init?.headers)
          const seen = `${headers.get('authorization')} ${headers.get('x-amz-security-token')}`
          return new Response(wrap(`You sent ${forms(seen)[n]}`), { status })
        }
        const url = 'https://abc.lambda-url.us-east-1.on.aws/'
        const client = createAdminClient({ url, ...signing, credentials, fetch })
        const error = await failureOf(client.registerTool({ name: 'a', lambdaArn: 'arn' }))
        expect(error.message).toContain('[redacted]')
        const { message, requestId, issues } = error
        const shown = [message, requestId, ...(issues ?? []).flatMap(it => [it.path, it.message])]
        for (const secret of [credentials.sessionToken, KEY.accessKeyId])
          for (const form of forms(secret)) expect(shown.join()).not.toContain(form)
      }
})

import { createHash } from 'node:crypto'
import { expect, onTestFinished, test, vi } from 'vitest'
import { readRefusal, withoutSecrets } from '../src/request/refusal.ts'
import { createSend } from '../src/request/send.ts'
import { signedFetch } from '../src/signing/signed-fetch.ts'

const url = new URL('https://abc.lambda-url.us-east-1.on.aws/mcp')

const token = (n: number) =>
  createHash('sha512')
    .update(`token ${n}`)
    .digest('base64')
    .repeat(2)
    .slice(0, 40 + (n % 120))

const credentialsOf = (n: number) => ({
  accessKeyId: `ASIA${createHash('md5').update(`${n}`).digest('hex').slice(0, 16).toUpperCase()}`,
  secretAccessKey: 'secret',
  // Some tokens hold only words, so that only what was sent tells that they are secrets.
  sessionToken:
    n % 3 === 0 ? `a session token of words ${'and more words '.repeat(n % 5)}` : token(n),
})

/** The ways in which a server may write a text into a body. */
const ENCODINGS: [name: string, encode: (text: string) => string][] = [
  ['plain', text => text],
  ['percent', encodeURIComponent],
  ['percent twice', text => encodeURIComponent(encodeURIComponent(text))],
  ['every byte in percent', text => escaped(text, hex => `%${hex}`)],
  ['JSON', text => JSON.stringify(text)],
  ['JSON twice', text => JSON.stringify(JSON.stringify(text))],
  ['JSON escapes', text => escaped(text, hex => `\\u00${hex}`)],
  ['HTML entities', text => escaped(text, hex => `&#x${hex};`)],
  ['decimal HTML entities', text => text.replace(/./gs, it => `&#${it.charCodeAt(0)};`)],
  ['base64', text => Buffer.from(text).toString('base64')],
  ['base64url', text => Buffer.from(text).toString('base64url')],
  ['hex', text => Buffer.from(text).toString('hex')],
]

const escaped = (text: string, form: (hex: string) => string) =>
  text.replace(/./gs, it => form(it.charCodeAt(0).toString(16).padStart(2, '0')))

/** The bodies in which a server may echo a text. */
const BODIES: ((text: string) => string)[] = [
  text => text,
  text => JSON.stringify({ Message: text }),
  text =>
    JSON.stringify({ message: `'${text}' not a valid key=value pair in Authorization header` }),
  text => JSON.stringify({ error: { code: 'access_denied', message: `you sent ${text}` } }),
  text => `<html><body>403 Forbidden: ${text}</body></html>`,
]

/** What a server may echo of the headers of a request. */
const ECHOES: ((headers: Headers) => string)[] = [
  headers => headers.get('authorization') ?? '',
  headers => headers.get('x-amz-security-token') ?? '',
  headers => `Authorization: ${headers.get('authorization')}`,
  headers => JSON.stringify(Object.fromEntries(headers)),
  headers => [...headers].map(([name, value]) => `${name}=${value}`).join('&'),
  headers => (headers.get('x-amz-security-token') ?? '').slice(0, 30),
  headers => /Signature=(\w+)/.exec(headers.get('authorization') ?? '')?.[1] ?? '',
]

test('no error shows a credential that a refusal echoes, in any encoding', async () => {
  const shown: unknown[] = []
  for (const [n, [name, encode]] of ENCODINGS.entries())
    for (const [m, body] of BODIES.entries())
      for (const [k, echo] of ECHOES.entries()) {
        const credentials = credentialsOf(n * 100 + m * 10 + k)
        let sent = new Headers()
        const status = (n + m + k) % 2 === 0 ? 403 : 400
        const send = createSend({
          credentials,
          async fetch(_, init) {
            sent = new Headers(init?.headers)
            return new Response(body(encode(echo(sent))), { status })
          },
        })
        const signal = new AbortController().signal
        const error: unknown = await send('sessionless', url, { signal }).catch(it => it)
        if (!(error instanceof Error)) return expect.fail('the request is not refused')
        const text = JSON.stringify([error.message, error])
        for (const secret of secretsOf(sent))
          for (const [, form] of ENCODINGS)
            if (shows(text, form(secret))) shown.push([name, m, k, text])
      }
  expect(shown).toEqual([])
})

/** The access key, the signature and the token. */
function secretsOf(headers: Headers): string[] {
  const [, key = '', signature = ''] =
    /Credential=(\w+).*Signature=(\w+)/.exec(headers.get('authorization') ?? '') ?? []
  return [key, signature, headers.get('x-amz-security-token') ?? '']
}

/** Whether sixteen characters in a row of a secret stand in the message. */
function shows(message: string, secret: string): boolean {
  for (let at = 0; at + 16 <= secret.length; at++)
    if (message.includes(secret.slice(at, at + 16))) return true
  return false
}

test.each([
  'Authorization: Bearer abc',
  'authorization=Basic%20YWJj',
  'the header was "Bearer hunter2"',
  "'hunter2' not a valid key=value pair (missing equal-sign)",
  'x-api-key: hunter2',
  'Cookie: id=hunter2',
  'session_token=hunter2',
  'you sent {"password":"hunter2"}',
])('a short secret of another client is hidden by the name before it: %s', async body => {
  const { message } = await readRefusal(new Response(body, { status: 403 }), { url })
  expect(message).toContain('[redacted]')
  expect(message).not.toMatch(/hunter2|abc$|YWJj/)
})

test.each([
  'User: arn:aws:sts::123456789012:assumed-role/my-stack-Role-1ABCDEF2GHIJ/i-0123456789abcdef0 is not authorized to perform: lambda:InvokeFunctionUrl on resource: arn:aws:lambda:us-east-1:123456789012:function:my-Fn-AbC123dEf456',
  'Signature expired: 20260101T000000Z is now earlier than 20260101T001000Z (20260101T001500Z - 5 min.)',
  'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method.',
  'Forbidden. For troubleshooting Function URL authorization issues, see: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html',
  "Credential should be scoped to correct service: 'execute-api'.",
  'The security token included in the request is expired',
  '/inputSchema/properties/token must be an object: 50%',
  'request 0f3a1c2b-8a3f-4e0b-9f0c-2f6f3f0f2f11 failed',
])('a message without a secret stays as it is: %s', async message => {
  const response = await signedFetch({
    credentials: credentialsOf(1),
    fetch: async () => new Response('', { status: 403 }),
  })(url)
  expect(withoutSecrets(response, message)).toBe(message)
})

test('a header that cannot be sent fails without its value', async () => {
  const credentials = { ...credentialsOf(1), sessionToken: 'first-half\nsecond-half' }
  const sendWith = (headers: HeadersInit, signing: object) =>
    createSend({ region: 'us-east-1', ...signing })('stream', url, {
      headers,
      signal: new AbortController().signal,
    })
  const unsendable = await sendWith({}, { credentials }).catch(it => it)
  expect(unsendable).toMatchObject({ code: 'invalid_credentials' })
  expect(unsendable.message).not.toContain('half')
  const own = await sendWith({ authorization: 'Bearer a\nsecond-half' }, {}).catch(it => it)
  expect(own.message).not.toContain('half')
})

test('a body that an error shows stays JSON, and stays as it is without a secret', async () => {
  const shownBody = async (body: (token: string) => object) => {
    const credentials = { ...credentialsOf(1), sessionToken: token(1) }
    const fetch = async () => new Response(JSON.stringify(body(token(1))), { status: 400 })
    const { signal } = new AbortController()
    const error = await createSend({ credentials, fetch })('message', url, { signal }).catch(
      it => it,
    )
    return JSON.parse(error.data.text)
  }
  const plain = {
    jsonrpc: '2.0',
    id: 1,
    error: { code: -32022, message: 'Unsupported', data: { supported: ['2026-07-28'] } },
  }
  expect(await shownBody(() => plain)).toEqual(plain)
  expect(await shownBody(it => ({ error: { message: `you sent ${it}` }, cookie: 'a=b' }))).toEqual({
    error: { message: expect.stringMatching(/^you sent (\[redacted\])+$/) },
    cookie: '[redacted]',
  })
})

test('a request id that echoes a secret is left out', async () => {
  const credentials = { ...credentialsOf(1), sessionToken: 'abcdefghijklmnopqrstuvwxyz0123456789' }
  const fetch = async () =>
    new Response('', { status: 403, headers: { 'x-amzn-requestid': credentials.sessionToken } })
  const { signal } = new AbortController()
  const error = await createSend({ credentials, fetch })('stream', url, { signal }).catch(it => it)
  expect(error).toMatchObject({ code: 'access_denied', requestId: undefined })
})

test.each([
  ['nested deeper than the stack', `${'['.repeat(30_000)}${']'.repeat(30_000)}`],
  ['of thousands of texts', JSON.stringify(Array(16_000).fill('a'))],
])('a body %s is refused as any other, and the secrets are read once', async (_, body) => {
  const encode = vi.spyOn(TextEncoder.prototype, 'encode')
  onTestFinished(() => encode.mockRestore())
  const credentials = { ...credentialsOf(1), sessionToken: token(1) }
  const fetch = async () => new Response(body, { status: 400 })
  const { signal } = new AbortController()
  const error = await createSend({ credentials, fetch })('message', url, { signal }).catch(it => it)
  expect(error).toMatchObject({ code: 'request_refused', status: 400 })
  expect(body.startsWith(error.data.text)).toBe(true)
  expect(encode.mock.calls.length).toBeLessThan(100)
})

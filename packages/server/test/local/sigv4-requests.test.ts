import { spawn, spawnSync } from 'node:child_process'
import { createHash, createHmac } from 'node:crypto'
import { text } from 'node:stream/consumers'
import { describe, expect, test } from 'vitest'

import { DEVELOPER } from '../../src/local/principals.ts'
import { sharedFixture } from './fixture.ts'
import { get, type Raw, send, sign } from './signed-request.ts'

const SESSION = {
  accessKeyId: 'ASIASESSION',
  secretAccessKey: 'another secret',
  sessionToken: 'the+token/==',
  arn: 'arn:aws:sts::000000000000:assumed-role/role/session',
}

// Requests that signers and verifiers may canonicalise differently.
const ACCEPTED: Record<string, Omit<Raw, 'headers'> & { headers?: Record<string, string> }> = {
  'a plain request': { target: '/raw' },
  'no path': { target: '/?case=raw' },
  'a query': { target: '/raw?sessionId=abc' },
  'a repeated key in any order': { target: '/raw?b=2&a=3&a=1&a=2' },
  'keys that sort by code unit': { target: '/raw?aa=1&a-b=2&a=3&A=4&a.b=5' },
  'an empty value and an empty key': { target: '/raw?a=&=b' },
  'encoded characters in the query': { target: '/raw?x=%20%2F%3D%26%2B%C3%A4&y=~-_.' },
  'encoded characters in the path': { target: '/a%20b%2Fc%C3%A4' },
  'reserved characters in the path': { target: '/(x)~:@$!*,;' },
  'empty segments and dot segments': { target: '//a/./b/../c//' },
  'a body': { method: 'POST', target: '/raw', body: '{"a":"ä"}' },
  'a body of bytes': { method: 'PUT', target: '/raw', body: Buffer.from([0, 1, 254, 255]) },
  'white space in header values': {
    target: '/raw',
    headers: { 'x-amz-note': '  a   b  "c   d" ' },
  },
  'a header that is not signed': { target: '/raw', headers: { 'x-amzn-trace-id': 'Root=1' } },
}

// A handler for every path: only the signature matters here.
const anything = { mcp: { handler: 'anything.handler' } }

test.each(Object.entries(ACCEPTED))('accepts a signature of smithy for %s', async (_, raw) => {
  const { mcpUrl } = await sharedFixture({}, anything)
  expect(await send(mcpUrl, await sign(mcpUrl, raw))).toMatchObject({ status: 200 })
})

test('accepts a session token with its key', async () => {
  const { mcpUrl } = await sharedFixture({ principals: [SESSION] })
  expect(await get(mcpUrl, '/raw', { credentials: SESSION })).toMatchObject({ status: 200 })
})

test('accepts a clock that is four minutes ahead or behind', async () => {
  const { mcpUrl } = await sharedFixture()
  for (const minutes of [-4, 4])
    expect(await get(mcpUrl, '/raw', { date: inMinutes(minutes) })).toMatchObject({ status: 200 })
})

test('verifies the bytes of a header value', async () => {
  const { mcpUrl } = await sharedFixture()
  expect(await send(mcpUrl, signByHand(mcpUrl, 'x-note', 'ä€'))).toMatchObject({ status: 200 })
})

describe('refuses a request without running the function, which has', () => {
  const MISMATCH = /^The request signature we calculated does not match the signature you provided/

  const refused: Record<
    string,
    [how: (base: string) => Promise<Raw>, type: string, message: RegExp]
  > = {
    'another body': [
      async base => ({
        ...(await sign(base, { method: 'POST', target: '/raw', body: 'a' })),
        body: 'b',
      }),
      'InvalidSignatureException',
      MISMATCH,
    ],
    'another path': [changed({ target: '/other' }), 'InvalidSignatureException', MISMATCH],
    'another query': [changed({ target: '/raw?a=1' }), 'InvalidSignatureException', MISMATCH],
    'another method': [changed({ method: 'DELETE' }), 'InvalidSignatureException', MISMATCH],
    'another host': [header('host', '127.0.0.1:1'), 'InvalidSignatureException', MISMATCH],
    'another value of a signed header': [
      header('x-amz-note', 'b'),
      'InvalidSignatureException',
      MISMATCH,
    ],
    'a signed header that is missing': [
      header('x-amz-note', undefined),
      'InvalidSignatureException',
      MISMATCH,
    ],
    'another date': [
      header('x-amz-date', compact(inMinutes(1))),
      'InvalidSignatureException',
      MISMATCH,
    ],
    'an invalid date': [
      header('x-amz-date', '2026-99-99'),
      'IncompleteSignatureException',
      /X-Amz-Date/,
    ],
    'a clock ten minutes behind': [
      base => sign(base, { target: '/raw' }, { date: inMinutes(-10) }),
      'InvalidSignatureException',
      /^Signature expired: \d{8}T\d{6}Z is now earlier than \d{8}T\d{6}Z \(\d{8}T\d{6}Z - 5 min\.\)$/,
    ],
    'a clock ten minutes ahead': [
      base => sign(base, { target: '/raw' }, { date: inMinutes(10) }),
      'InvalidSignatureException',
      /^Signature not yet current: /,
    ],
    'another region': [
      base => sign(base, { target: '/raw' }, { region: 'eu-central-1' }),
      'InvalidSignatureException',
      /scoped to a valid region/,
    ],
    'another service': [
      base => sign(base, { target: '/raw' }, { service: 'execute-api' }),
      'InvalidSignatureException',
      /scoped to correct service: 'lambda'/,
    ],
    'an unknown key': [
      base =>
        sign(
          base,
          { target: '/raw' },
          { credentials: { ...DEVELOPER, accessKeyId: 'AKIAUNKNOWN' } },
        ),
      'UnrecognizedClientException',
      /^The security token included in the request is invalid\.$/,
    ],
    'another secret': [
      base =>
        sign(base, { target: '/raw' }, { credentials: { ...DEVELOPER, secretAccessKey: 'x' } }),
      'InvalidSignatureException',
      MISMATCH,
    ],
    'a token that is missing': [
      base =>
        sign(base, { target: '/raw' }, { credentials: { ...SESSION, sessionToken: undefined } }),
      'UnrecognizedClientException',
      /invalid/,
    ],
    'another token': [
      base => sign(base, { target: '/raw' }, { credentials: { ...SESSION, sessionToken: 'x' } }),
      'UnrecognizedClientException',
      /invalid/,
    ],
    'a token although the key has none': [
      base => sign(base, { target: '/raw' }, { credentials: { ...DEVELOPER, sessionToken: 'x' } }),
      'UnrecognizedClientException',
      /invalid/,
    ],
    'an x-amz header that is not signed': [
      header('x-amz-later', 'added'),
      'InvalidSignatureException',
      /not signed: x-amz-later/,
    ],
    'UNSIGNED-PAYLOAD as body hash': [
      base =>
        sign(base, { target: '/raw', headers: { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' } }),
      'InvalidSignatureException',
      MISMATCH,
    ],
    'a body hash that is not the hash of the body': [
      async base => signByHand(base, 'x-amz-content-sha256', 'UNSIGNED-PAYLOAD'),
      'InvalidSignatureException',
      MISMATCH,
    ],
    'a signature that is not 64 digits': [
      header(
        'authorization',
        'AWS4-HMAC-SHA256 Credential=a/b/c/d/e, SignedHeaders=host, Signature=00',
      ),
      'IncompleteSignatureException',
      /Signature/,
    ],
    'another authentication scheme': [
      header('authorization', 'Bearer abc'),
      'IncompleteSignatureException',
      /AWS4-HMAC-SHA256/,
    ],
    'an Authorization header without its parts': [
      header('authorization', 'AWS4-HMAC-SHA256 SignedHeaders=host'),
      'IncompleteSignatureException',
      /'Credential'.*'Signature'/,
    ],
  }

  test.each(Object.entries(refused))('%s', async (_, [how, type, message]) => {
    const calls: unknown[] = []
    const { mcpUrl } = await sharedFixture({
      principals: [SESSION],
      onInvocation: it => calls.push(it),
    })
    const response = await send(mcpUrl, await how(mcpUrl))
    expect(response).toMatchObject({ status: 403, headers: { 'x-amzn-errortype': type } })
    expect(JSON.parse(response.body).message).toMatch(message)
    expect(calls).toEqual([])
  })

  test('no signature', async () => {
    const { mcpUrl } = await sharedFixture()
    expect(await send(mcpUrl, { target: '/raw' })).toMatchObject({
      status: 403,
      headers: { 'x-amzn-errortype': 'AccessDeniedException' },
      body: '{"Message":"Forbidden"}',
    })
  })

  test('logs the canonical request of a wrong signature without a secret', async () => {
    const local = await sharedFixture()
    await send(local.mcpUrl, await changed({ target: '/other' })(local.mcpUrl))
    const [entry] = local.logs.filter(it => it.level === 'warn')
    expect(entry?.message).toMatch(/The canonical request is\nGET\n\/other\n/)
    expect(entry?.message).not.toContain(DEVELOPER.secretAccessKey)
  })
})

describe('botocore', () => {
  const botocore = spawnSync('python3', ['-c', 'import botocore; print(botocore.__version__)'], {
    encoding: 'utf8',
  })
  const version = botocore.status === 0 ? botocore.stdout.trim() : undefined
  const why = version ? '' : ' (skipped: python3 with botocore is not installed)'

  // botocore signs a query as it is, so only canonical queries can be accepted.
  const canonical = Object.entries(ACCEPTED).filter(
    ([name]) => !/empty key|any order|code unit/.test(name),
  )

  test.skipIf(!version).each(canonical)(`signs %s so that it is accepted${why}`, async (_, raw) => {
    const { mcpUrl } = await sharedFixture({}, anything)
    const signed = await signWithBotocore(mcpUrl, raw)
    expect(await send(mcpUrl, signed)).toMatchObject({ status: 200 })
  })

  test.skipIf(!version)(`signs a session token so that it is accepted${why}`, async () => {
    const { mcpUrl } = await sharedFixture({ principals: [SESSION] })
    const signed = await signWithBotocore(mcpUrl, { target: '/raw' }, SESSION)
    expect(await send(mcpUrl, signed)).toMatchObject({ status: 200 })
  })
})

// Not spawnSync: the gateway runs in this process, and its timers must not fire late.
async function signWithBotocore(
  base: string,
  raw: Raw,
  credentials: { accessKeyId: string; secretAccessKey: string; sessionToken?: string } = DEVELOPER,
): Promise<Raw> {
  const input = {
    ...raw,
    method: raw.method ?? 'GET',
    url: base.slice(0, -1) + raw.target,
    body: Buffer.from(raw.body ?? '').toString('base64'),
    credentials,
  }
  const python = spawn('python3', ['-c', PYTHON], { stdio: ['pipe', 'pipe', 'inherit'] })
  python.stdin.end(JSON.stringify(input))
  const stdout = await text(python.stdout)
  return { ...raw, headers: { ...JSON.parse(stdout), host: new URL(base).host } }
}

const PYTHON = `
import base64, json, sys
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
it = json.load(sys.stdin)
keys = it['credentials']
request = AWSRequest(method=it['method'], url=it['url'], data=base64.b64decode(it['body']), headers=it.get('headers', {}))
credentials = Credentials(keys['accessKeyId'], keys['secretAccessKey'], keys.get('sessionToken'))
SigV4Auth(credentials, 'lambda', 'us-east-1').add_auth(request)
print(json.dumps(dict(request.headers.items())))
`

/** Changes a request after it was signed. */
function changed(change: Partial<Raw>) {
  return async (base: string): Promise<Raw> => ({
    ...(await sign(base, { target: '/raw' })),
    ...change,
  })
}

function header(name: string, value: string | undefined) {
  return async (base: string): Promise<Raw> => {
    const raw = await sign(base, { target: '/raw', headers: { 'x-amz-note': 'a' } })
    const { [name]: _, ...headers } = raw.headers ?? {}
    return { ...raw, headers: value === undefined ? headers : { ...headers, [name]: value } }
  }
}

/** Signs with one additional header, for requests that no signer makes. */
function signByHand(base: string, name: string, value: string): Raw {
  const date = compact(new Date())
  const scope = `${date.slice(0, 8)}/us-east-1/lambda/aws4_request`
  const { host } = new URL(base)
  const hash = (text: string) => createHash('sha256').update(text).digest('hex')
  const signed = `host;${[name, 'x-amz-date'].sort().join(';')}`
  const lines = [`${name}:${value}`, `x-amz-date:${date}`].sort()
  const canonical = ['GET', '/raw', '', `host:${host}`, ...lines, '', signed, hash('')].join('\n')
  const toSign = ['AWS4-HMAC-SHA256', date, scope, hash(canonical)].join('\n')
  const hmac = (key: string | Buffer, text: string) =>
    createHmac('sha256', key).update(text).digest()
  const key = scope.split('/').reduce<string | Buffer>(hmac, `AWS4${DEVELOPER.secretAccessKey}`)
  return {
    target: '/raw',
    headers: {
      host,
      'x-amz-date': date,
      // Node writes each character as one byte.
      [name]: Buffer.from(value).toString('latin1'),
      authorization: `AWS4-HMAC-SHA256 Credential=${DEVELOPER.accessKeyId}/${scope}, SignedHeaders=${signed}, Signature=${hmac(key, toSign).toString('hex')}`,
    },
  }
}

const inMinutes = (minutes: number) => new Date(Date.now() + minutes * 60_000)
const compact = (date: Date) => date.toISOString().replace(/[-:]|\.\d+/g, '')

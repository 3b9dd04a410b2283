import { execFileSync, spawnSync } from 'node:child_process'
import { getEventListeners } from 'node:events'
import { inspect } from 'node:util'

import { describe, expect, onTestFinished, test, vi } from 'vitest'

import type { Credentials } from '../src/signing/credentials.ts'
import { type SigningOptions, signedFetch } from '../src/signing/signed-fetch.ts'
import { serve } from './support/server.ts'
import { KEY, REGION, type Received, refusalOf } from './support/verifier.ts'

const options = { credentials: KEY, region: REGION }

/** Requests that signers are known to get wrong, and how their target must look on the wire. */
const ODD_REQUESTS: [what: string, path: string, target: string, init?: RequestInit][] = [
  ['no query', '/sse', '/sse'],
  ['the root', '/', '/'],
  ['a session id', '/message?sessionId=s-1', '/message?sessionId=s-1'],
  ['an encoded slash and equals sign', '/a?b=%2f%3D', '/a?b=%2F%3D'],
  ['a space in the query', '/a?q=one two', '/a?q=one%20two'],
  ['a plus, which forms mean as a space', '/a?q=one+two', '/a?q=one%20two'],
  ['an encoded plus', '/a?q=one%2Btwo', '/a?q=one%2Btwo'],
  ['reserved marks in the query', "/a?q=!*'()", '/a?q=%21%2A%27%28%29'],
  ['reserved marks in the path', "/a!*'(b)", "/a!*'(b)"],
  ['a key that is repeated', '/a?k=2&k=1&k=10', '/a?k=2&k=1&k=10'],
  ['a key without a value', '/a?k&l=', '/a?k=&l='],
  ['keys that sort before their prefix', '/a?a-b=1&aa=2&a=3&A=4', '/a?a-b=1&aa=2&a=3&A=4'],
  ['a value with an equals sign', '/a?t=b==', '/a?t=b%3D%3D'],
  ['a stray percent sign', '/a?q=100%', '/a?q=100%25'],
  ['an empty query', '/a?', '/a'],
  ['an encoded space in the path', '/a%20b', '/a%20b'],
  ['two slashes', '//a//b', '//a//b'],
  ['a slash at the end', '/a/', '/a/'],
  ['dots', '/a/./b/../c', '/a/c'],
  ['an encoded slash in the path', '/a%2Fb', '/a%2Fb'],
  ['letters beyond ASCII', '/ä/日本?ü=é', '/%C3%A4/%E6%97%A5%E6%9C%AC?%C3%BC=%C3%A9'],
  ['a fragment', '/a?b=1#c', '/a?b=1'],
  ['DELETE', '/a', '/a', { method: 'DELETE' }],
  ['an empty POST', '/a', '/a', { method: 'POST' }],
  ['a body beyond ASCII', '/a', '/a', { method: 'POST', body: '{"ä":"日本"}' }],
  ['binary', '/a', '/a', { method: 'POST', body: new Uint8Array([0, 255, 128, 10]) }],
  ['a form', '/a', '/a', { method: 'POST', body: new URLSearchParams({ a: '1 2' }) }],
  ['a header with inner space', '/a', '/a', { headers: { 'mcp-name': 'a   b' } }],
]

describe('a signed request is accepted with', () => {
  test.each(ODD_REQUESTS)('%s', async (_, path, target, init) => {
    const { url, received } = await serve((_request, response) => response.end())
    await signedFetch(options)(url + path, init)

    expect(received[0]?.target).toBe(target)
    expect(refusalOf(only(received), KEY)).toBeUndefined()
  })

  test('a session token, which is signed and sent', async () => {
    const credentials = { ...KEY, sessionToken: 'token/+==' }
    const { url, received } = await serve((_request, response) => response.end())
    await signedFetch({ ...options, credentials })(url)

    expect(refusalOf(only(received), credentials)).toBeUndefined()
    expect(only(received).headers['x-amz-security-token']).toBe('token/+==')
  })

  test('a body of 6 MB', async () => {
    const { url, received } = await serve((_request, response) => response.end())
    await signedFetch(options)(url, { method: 'POST', body: 'x'.repeat(6 << 20) })

    expect(only(received).body.length).toBe(6 << 20)
    expect(refusalOf(only(received), KEY)).toBeUndefined()
  })

  test('a body that is a stream, which is read before it is sent', async () => {
    const { url, received } = await serve((_request, response) => response.end())
    const body = new Blob(['one ', 'two']).stream()
    await signedFetch(options)(url, { method: 'POST', body, duplex: 'half' } as RequestInit)

    expect(only(received).headers['content-length']).toBe('7')
    expect(refusalOf(only(received), KEY)).toBeUndefined()
  })

  const botocore = spawnSync('python3', ['-c', 'import botocore']).status === 0
  test.skipIf(!botocore)('the signature that botocore computes, where Python has it', async () => {
    const { url, received } = await serve((_request, response) => response.end())
    const fetch = signedFetch(options)
    for (const [, path, , init] of ODD_REQUESTS) await fetch(url + path, init)

    expect(botocoreSignatures(received)).toEqual(received.map(signatureOf))
  })
})

describe('the headers', () => {
  test.each<[string, HeadersInit]>([
    ['an object', { 'mcp-name': 'echo', 'x-amz-meta': 'a', accept: 'text/event-stream' }],
    [
      'pairs',
      Object.entries({ 'mcp-name': 'echo', 'x-amz-meta': 'a', accept: 'text/event-stream' }),
    ],
    [
      'Headers',
      new Headers({ 'mcp-name': 'echo', 'x-amz-meta': 'a', accept: 'text/event-stream' }),
    ],
  ])('may be given as %s; those that proxies rewrite stay unsigned', async (_, headers) => {
    const { url, received } = await serve((_request, response) => response.end())
    await signedFetch(options)(url, { headers })

    const { authorization, ...sent } = only(received).headers
    expect(sent).toMatchObject({ 'mcp-name': 'echo', accept: 'text/event-stream' })
    expect(authorization).toContain('SignedHeaders=host;mcp-name;x-amz-date;x-amz-meta,')
  })

  test('of an earlier signature are replaced', async () => {
    const { url, received } = await serve((_request, response) => response.end())
    const headers = {
      'x-amz-date': '20200101T000000Z',
      'x-amz-security-token': 'of another key',
      'x-amz-content-sha256': 'UNSIGNED-PAYLOAD',
    }
    await signedFetch(options)(url, { headers, method: 'POST', body: 'x' })

    expect(refusalOf(only(received), KEY)).toBeUndefined()
  })

  test('with an Authorization of the caller are sent unchanged, and redirects are still refused', async () => {
    const { url, received } = await serve(({ target }, response) =>
      target === '/redirect'
        ? response.writeHead(302, { location: '/' }).end()
        : response.end('untouched'),
    )
    const fetch = signedFetch() // not even a region is needed
    const headers = { authorization: 'Bearer abc' }
    expect(await (await fetch(url, { headers })).text()).toBe('untouched')
    expect(only(received).headers).toMatchObject(headers)
    expect(only(received).headers).not.toHaveProperty('x-amz-date')
    await expect(fetch(`${url}/redirect`, { headers })).rejects.toMatchObject({
      code: 'redirect_refused',
    })
  })
})

describe('like fetch', () => {
  test('it takes a URL object and a Request, whose parts the second argument replaces', async () => {
    const { url, received } = await serve((_request, response) => response.end())
    const fetch = signedFetch(options)
    await fetch(new URL('/a', url))
    const request = new Request(`${url}/b`, {
      method: 'PUT',
      body: 'one',
      headers: { 'content-type': 'text/x' },
    })
    await fetch(request, { body: 'two' })

    expect(received.map(({ method, target, body }) => [method, target, body.toString()])).toEqual([
      ['GET', '/a', ''],
      ['PUT', '/b', 'two'],
    ])
    expect(received[1]?.headers['content-type']).toBe('text/x')
    for (const each of received) expect(refusalOf(each, KEY)).toBeUndefined()
  })

  test('it resolves while the body of the response is still coming', async () => {
    let finish = () => {}
    const { url } = await serve((_request, response) => {
      response.writeHead(500, 'Odd', { 'x-extra': '1' }).write('first')
      finish = () => response.end('second')
    })
    const response = await signedFetch(options)(url)
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()

    expect(response).toMatchObject({ status: 500, statusText: 'Odd', url: `${url}/` })
    expect(response.headers.get('x-extra')).toBe('1')
    expect((await reader?.read())?.value).toBe('first')
    finish()
    expect((await reader?.read())?.value).toBe('second')
  })

  test.each(['the init', 'a Request'])('the signal of %s ends it', async where => {
    const { url, received, open } = await serve(() => {})
    const controller = new AbortController()
    const { signal } = controller
    const response = signedFetch(options)(
      where === 'the init' ? url : new Request(url, { signal }),
      where === 'the init' ? { signal } : undefined,
    )
    await vi.waitUntil(() => received.length === 1)
    controller.abort(new Error('enough'))

    await expect(response).rejects.toThrow('enough')
    await vi.waitUntil(() => open.size === 0)
  })

  test.each<[string, RequestInit, SigningOptions]>([
    ['credentials that do not come', {}, { credentials: () => new Promise<Credentials>(() => {}) }],
    ['a body that does not end', { method: 'POST', body: new ReadableStream() }, {}],
  ])('the signal ends the wait for %s', async (_, init, given) => {
    const { url, received } = await serve((_request, response) => response.end())
    const controller = new AbortController()
    const { signal } = controller
    const request = { ...init, signal, duplex: 'half' } as RequestInit
    const response = signedFetch({ ...options, ...given })(url, request)
    controller.abort(new Error('enough'))
    await expect(response).rejects.toThrow('enough')
    expect(received).toEqual([])
  })

  test('many requests may share a signal, which keeps no listener of them', async () => {
    const { url } = await serve((_request, response) => response.end())
    const warned = vi.fn()
    process.on('warning', warned)
    onTestFinished(() => void process.off('warning', warned))
    const { signal } = new AbortController()
    const fetch = signedFetch({ ...options, fetch: async () => new Response() })
    await Promise.all(Array.from({ length: 20 }, () => fetch(url, { signal })))
    await new Promise(resolve => setImmediate(resolve))
    expect(warned).not.toHaveBeenCalled()
    expect(getEventListeners(signal, 'abort')).toEqual([])
  })

  test('a broken network rejects with a TypeError', async () => {
    const { url } = await serve((_request, response) => response.destroy())
    await expect(signedFetch(options)(url)).rejects.toThrow(TypeError)
  })
})

describe('a redirect', () => {
  test.each([301, 302, 303, 307, 308])('with %i is refused, and its body let go', async status => {
    const stranger = await serve((_request, response) => response.end())
    const { url, received, open } = await serve((_request, response) => {
      response.writeHead(status, { location: `${stranger.url}/next?token=secret` })
      response.write('a body that does not end')
    })
    await expect(signedFetch(options)(url)).rejects.toMatchObject({
      code: 'redirect_refused',
      status,
      message: expect.stringContaining(`${stranger.url}/next;`),
    })
    expect(received).toHaveLength(1)
    expect(stranger.received).toHaveLength(0)
    await vi.waitUntil(() => open.size === 0)
  })
})

test('a URL with a password is refused without it', async () => {
  for (const url of ['https://me:hunter2@example.com/', new URL('https://hunter2@example.com/')]) {
    const error = await signedFetch(options)(url).catch(it => it)
    expect(error).toMatchObject({ code: 'invalid_url' })
    expect(inspect(error)).not.toContain('hunter2')
  }
})

test('no request is sent to another machine over plain http', async () => {
  const fetch = vi.fn<typeof globalThis.fetch>()
  await expect(signedFetch({ ...options, fetch })('http://example.com/')).rejects.toMatchObject({
    code: 'invalid_url',
  })
  expect(fetch).not.toHaveBeenCalled()
})

describe('a wrong clock', () => {
  const MINUTES = 60_000

  /** A server whose clock is `ahead` of ours, and that is as strict about five minutes as IAM. */
  const serveAhead = (ahead: number) =>
    serve(({ headers }, response) => {
      const now = Date.now() + ahead
      response.setHeader('date', new Date(now).toUTCString())
      const fresh = Math.abs(now - signingDate(headers)) <= 5 * MINUTES
      response.writeHead(fresh ? 200 : 403, { 'x-amzn-errortype': 'InvalidSignatureException' })
      response.end()
    })

  test.each([10 * MINUTES, -10 * MINUTES])(
    'is corrected by %i ms for eight requests at once, and stays corrected',
    async ahead => {
      const { url, received } = await serveAhead(ahead)
      const fetch = signedFetch(options)
      const first = await Promise.all(Array.from({ length: 8 }, () => fetch(url)))

      expect(first.map(({ status }) => status)).toEqual(Array(8).fill(200))
      expect(received).toHaveLength(16)
      expect((await fetch(url)).status).toBe(200)
      expect(received).toHaveLength(17)
    },
  )

  test('that is corrected later is noticed', async () => {
    let ahead = 10 * MINUTES
    const { url, received } = await serve(({ headers }, response) => {
      const now = Date.now() + ahead
      response.setHeader('date', new Date(now).toUTCString())
      const fresh = Math.abs(now - signingDate(headers)) <= 5 * MINUTES
      response.writeHead(fresh ? 200 : 403).end()
    })
    const fetch = signedFetch(options)
    await fetch(url)
    ahead = 0
    expect((await fetch(url)).status).toBe(200)
    expect(received).toHaveLength(4)
  })

  test('is not the cause of a 403 from a server with the same time', async () => {
    const { url, received } = await serve((_request, response) => response.writeHead(403).end('no'))
    const response = await signedFetch(options)(url)
    expect(response.status).toBe(403)
    expect(await response.text()).toBe('no')
    expect(received).toHaveLength(1)
  })
})

function signingDate(headers: Received['headers']): number {
  const iso = String(headers['x-amz-date']).replace(
    /^(....)(..)(..T..)(..)(..Z)$/,
    '$1-$2-$3:$4:$5',
  )
  return Date.parse(iso)
}

const signatureOf = ({ headers }: Received) =>
  /Signature=(.+)$/.exec(headers.authorization ?? '')?.[1]

function only(received: Received[]): Received {
  const [request, ...others] = received
  if (!request || others.length > 0) throw new Error(`received ${received.length} requests`)
  return request
}

/** Has botocore sign the same requests, with the same headers and at the same time. */
function botocoreSignatures(received: Received[]): string[] {
  const requests = received.map(({ method, target, headers, body }) => {
    const names = /SignedHeaders=([^,]+)/.exec(headers.authorization ?? '')?.[1]?.split(';') ?? []
    return {
      method,
      url: `http://${headers.host}${target}`,
      headers: Object.fromEntries(names.map(name => [name, headers[name]])),
      body: body.toString('base64'),
      date: headers['x-amz-date'],
    }
  })
  const script = `
import base64, json, sys
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
auth = SigV4Auth(Credentials('${KEY.accessKeyId}', '${KEY.secretAccessKey}'), 'lambda', '${REGION}')
def sign(it):
    request = AWSRequest(it['method'], it['url'], it['headers'], base64.b64decode(it['body']))
    request.context['timestamp'] = it['date']
    return auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
print(json.dumps([sign(it) for it in json.load(sys.stdin)]))
`
  const input = JSON.stringify(requests)
  return JSON.parse(execFileSync('python3', ['-c', script], { input }).toString())
}

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'

import { AdminError, createAdminClient } from '../src/index.ts'

type Answer = [status: number, body?: unknown, headers?: Record<string, string>] | 'cut'

interface Seen {
  method: string | undefined
  url: string | undefined
  headers: IncomingMessage['headers']
  body: unknown
}

let server: Server
let origin: string
/** What the server answers, one after the other; the last stays. */
let answers: Answer[]
let seen: Seen[]

beforeEach(async () => {
  answers = []
  seen = []
  server = createServer((request, response) => void serve(request, response))
  await new Promise<void>(listening => server.listen(0, '127.0.0.1', listening))
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  // No jitter: what is waited for here is what a server asked for.
  vi.spyOn(Math, 'random').mockReturnValue(0)
})

afterEach(async () => {
  vi.restoreAllMocks()
  server.closeAllConnections()
  await new Promise(closed => server.close(closed))
})

async function serve(request: IncomingMessage, response: ServerResponse) {
  const { method, url, headers } = request
  const body = await text(request)
  seen.push({ method, url, headers, body: body && JSON.parse(body) })
  const answer = answers.length > 1 ? answers.shift() : answers[0]
  if (!answer || answer === 'cut') return response.destroy()
  const [status, content = '', more = {}] = answer
  response.writeHead(status, { 'x-amzn-requestid': 'header-id', ...more })
  response.end(typeof content === 'string' ? content : JSON.stringify(content))
}

const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' }
const client = (url: string | URL = origin) =>
  createAdminClient({ url, region: 'us-east-1', credentials })
const refusal = (code: string, message = 'no') => ({
  error: { code, message, requestId: 'body-id' },
})
const failureOf = (call: Promise<unknown>) =>
  call.then(
    () => expect.fail('the call succeeded'),
    (error: AdminError) => error,
  )

/** `each` would spread an answer over several arguments. */
const rows = (list: Answer[]) => list.map((answer): [Answer] => [answer])

const lambdaArn = 'arn:aws:lambda:us-east-1:000000000000:function:a'
const stored = { id: 'tool-a', type: 'tool', name: 'a', version: 3 }

describe('a call', () => {
  test('goes out signed, to the right place, and gives the answer back', async () => {
    answers = [[201, stored]]
    const { registerTool, registerResource, registerPrompt } = client()
    expect(await registerTool({ name: 'a', lambdaArn })).toEqual(stored)
    await registerResource({ name: 'b', lambdaArn, uri: 'notes://today' })
    await registerPrompt({ name: 'c', lambdaArn })
    for (const { method, url, headers } of seen) {
      expect([method, url]).toEqual(['POST', '/register'])
      expect(headers['content-type']).toBe('application/json')
      expect(headers.authorization).toMatch(
        /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/\d{8}\/us-east-1\/lambda\//,
      )
    }
    expect(seen.map(({ body }) => body)).toEqual([
      { name: 'a', lambdaArn, type: 'tool' },
      { name: 'b', lambdaArn, uri: 'notes://today', type: 'resource' },
      { name: 'c', lambdaArn, type: 'prompt' },
    ])
  })

  test('reads, replaces and removes by id, under a condition where one is given', async () => {
    answers = [[200, stored], [200, stored], [200, stored], [204], [204]]
    const { get, update, remove } = client()
    const registration = await get('tool-a')
    await update('tool-a', registration)
    await update(
      'tool-a',
      { type: 'tool', name: 'a', lambdaArn },
      { ifMatch: registration.version },
    )
    expect(await remove('tool-a')).toEqual({ warnings: [] })
    await remove('tool-a', { ifMatch: 3 })
    expect(seen.map(({ method, headers }) => [method, headers['if-match']])).toEqual([
      ['GET', undefined],
      ['PUT', undefined],
      ['PUT', '"3"'],
      ['DELETE', undefined],
      ['DELETE', '"3"'],
    ])
    expect(new Set(seen.map(({ url }) => url))).toEqual(new Set(['/register/tool-a']))
  })

  test('repairs by id, and hears what a removal left', async () => {
    const status = { state: 'not_granted', message: 'm', fix: ['aws lambda …'] }
    answers = [
      [200, { ...stored, status }],
      [200, { warnings: ['w'] }],
    ]
    const { repair, remove } = client()
    expect(await repair('tool-a/b')).toEqual({ ...stored, status })
    expect(await remove('tool-a')).toEqual({ warnings: ['w'] })
    expect(seen.map(({ method, url, body }) => [method, url, body])).toEqual([
      ['POST', '/register/tool-a%2Fb/repair', ''],
      ['DELETE', '/register/tool-a', ''],
    ])
    for (const id of ['', '.', '..']) await expect(repair(id)).rejects.toThrow(TypeError)
  })

  test('announces that a resource has changed, at its own URI or at one of its template', async () => {
    answers = [[202, { uri: 'notes://today' }]]
    const { announceUpdate } = client(`${origin}/stage/register/`)
    expect(await announceUpdate('resource-a.b')).toEqual({ uri: 'notes://today' })
    await announceUpdate('resource-a/b', {})
    await announceUpdate('resource-a.b', { uri: 'notes://7' })
    expect(seen.map(({ method, url, body }) => [method, url, body])).toEqual([
      ['POST', '/stage/register/resource-a.b/updated', {}],
      ['POST', '/stage/register/resource-a%2Fb/updated', {}],
      ['POST', '/stage/register/resource-a.b/updated', { uri: 'notes://7' }],
    ])
    for (const { headers } of seen) {
      expect(headers['content-type']).toBe('application/json')
      expect(headers.authorization).toContain('AWS4-HMAC-SHA256')
    }
    for (const id of ['', '.', '..']) await expect(announceUpdate(id)).rejects.toThrow(TypeError)
    expect(seen).toHaveLength(3)
  })

  test.each(['', '/', '/register', '/register/', '//', '/?x=1#y'])(
    'finds the API at the URL with %j behind it',
    async path => {
      answers = [[200, { items: [] }]]
      await client(origin + path).get('tool-a')
      await client(new URL(origin + path)).get('tool-a')
      expect(seen.map(({ url }) => url)).toEqual(['/register/tool-a', '/register/tool-a'])
    },
  )

  test('keeps a path prefix, and an id within its segment', async () => {
    answers = [[200, stored]]
    await client(`${origin}/stage/`).get('tool-a')
    await client().get('a/../b?c#d%')
    expect(seen.map(({ url }) => url)).toEqual([
      '/stage/register/tool-a',
      '/register/a%2F..%2Fb%3Fc%23d%25',
    ])
    for (const id of ['', '.', '..']) await expect(client().get(id)).rejects.toThrow(TypeError)
    expect(seen).toHaveLength(2)
  })
})

describe('the list', () => {
  const page = (names: string[], nextCursor?: string): Answer => [
    200,
    { items: names.map(name => ({ ...stored, name })), nextCursor },
  ]

  test('comes page by page, only as far as it is followed', async () => {
    answers = [page(['a', 'b'], 'c+/='), page([], 'd'), page(['c'])]
    const names: string[] = []
    for await (const { name } of client().list({ type: 'tool' })) names.push(name)
    expect(names).toEqual(['a', 'b', 'c'])
    expect(seen.map(({ url }) => url)).toEqual([
      '/register?type=tool',
      '/register?type=tool&cursor=c%2B%2F%3D',
      '/register?type=tool&cursor=d',
    ])
    seen = []
    answers = [page(['a', 'b'], 'more')]
    for await (const _ of client().list()) break
    expect(seen).toHaveLength(1)
  })

  test('fails in the middle rather than ending early', async () => {
    answers = [page(['a'], 'c'), [400, refusal('bad_request')]]
    const names: string[] = []
    const all = async () => {
      for await (const { name } of client().list()) names.push(name)
    }
    expect(await failureOf(all())).toMatchObject({ code: 'bad_request' })
    expect(names).toEqual(['a'])
  })
})

describe('a refusal', () => {
  test('carries code, status, request id and what is wrong', async () => {
    const issues = [{ path: '/name', message: 'is missing' }]
    answers = [[400, { error: { ...refusal('invalid_registration').error, issues } }]]
    const error = await failureOf(client().registerTool({ name: '', lambdaArn }))
    expect(error).toBeInstanceOf(AdminError)
    expect(error).toMatchObject({
      name: 'AdminError',
      message: 'no',
      code: 'invalid_registration',
      status: 400,
      requestId: 'body-id',
      issues,
    })
  })

  test.each<[Answer, string, string]>([
    [[403, { Message: 'Forbidden. For troubleshooting see: …' }], 'access_denied', 'Forbidden'],
    [
      [403, { message: 'The signature does not match.\n\nThe Canonical String: token=XYZ' }],
      'access_denied',
      'does not match',
    ],
    [[403, { Message: null }], 'access_denied', 'answered 403'],
    [[401, 'Unauthorized'], 'invalid_credentials', 'Unauthorized'],
    [[413], 'payload_too_large', 'answered 413'],
    [[429, { Message: 'Rate Exceeded.' }], 'rate_limited', 'Rate Exceeded'],
    [[502, 'Internal Server Error'], 'internal_error', 'Internal Server Error'],
    [[503, '<html>'], 'service_unavailable', '<html>'],
    [[404, '<!doctype html>'], 'invalid_response', 'RegistrationUrl'],
    [[200, '<!doctype html>'], 'invalid_response', 'RegistrationUrl'],
    [[400, { error: 'nope' }], 'invalid_response', 'answered 400'],
    [[307, '', { location: 'https://example.com/' }], 'redirect_refused', 'redirect'],
  ])('that is not of the API, %j, becomes %s', async (answer, code, message) => {
    answers = [answer]
    const error = await failureOf(client().registerTool({ name: 'a', lambdaArn }))
    expect(error).toMatchObject({ code, message: expect.stringContaining(message), issues: [] })
    if (code !== 'redirect_refused') expect(error.status).toBe(answer[0])
    expect(error.message).not.toContain('XYZ')
  })

  test('by nobody, for want of a server, a URL, a region or credentials, has a code too', async () => {
    const closed = createServer()
    await new Promise<void>(listening => closed.listen(0, '127.0.0.1', listening))
    const { port } = closed.address() as AddressInfo
    await new Promise(done => closed.close(done))
    expect(await failureOf(client(`http://127.0.0.1:${port}`).get('tool-a'))).toMatchObject({
      code: 'connection_failed',
      status: undefined,
      message: expect.stringContaining('ECONNREFUSED'),
    })
    expect(() => client('tool')).toThrow(expect.objectContaining({ code: 'invalid_url' }))
    expect(await failureOf(client('http://example.com').get('tool-a'))).toMatchObject({
      code: 'invalid_url',
    })
    const nobody = createAdminClient({
      url: origin,
      region: 'us-east-1',
      credentials: () => Promise.reject(new Error('logged out')),
    })
    expect(await failureOf(nobody.get('tool-a'))).toMatchObject({
      code: 'invalid_credentials',
      message: expect.stringContaining('logged out'),
    })
    expect(seen).toEqual([])
  })
})

describe('after a failure of the server or the network', () => {
  const failures: Answer[] = [
    [500, refusal('internal_error')],
    [502, 'Internal Server Error'],
    [503],
    [429],
    'cut',
  ]

  test.each(rows(failures))('%j, a call that can be repeated is', async failure => {
    const { get, update, remove, list, announceUpdate } = client()
    for (const call of [
      () => get('tool-a'),
      () => update('tool-a', { type: 'tool', name: 'a', lambdaArn }),
      () => remove('tool-a'),
      () => announceUpdate('resource-a'),
      async () => {
        for await (const _ of list()) break
      },
    ]) {
      seen = []
      answers = [failure, failure, [200, { ...stored, items: [] }]]
      await call()
      expect(seen).toHaveLength(3)
    }
  })

  test.each(rows(failures))('%j, a registration is not made a second time', async failure => {
    answers = [failure]
    const error = await failureOf(client().registerTool({ name: 'a', lambdaArn }))
    expect(seen).toHaveLength(1)
    if (failure === 'cut') expect(error.message).toContain('not known')
  })

  test('that leaves an announcement unanswered, the advice is to try again', async () => {
    answers = ['cut']
    expect(await failureOf(client().announceUpdate('resource-a'))).toMatchObject({
      code: 'connection_failed',
      message: expect.stringMatching(/not known: try again$/),
    })
  })

  test('that stays, the third attempt is the last', async () => {
    answers = [
      [500, refusal('internal_error', 'first')],
      'cut',
      [503, refusal('service_unavailable', 'last')],
    ]
    expect(await failureOf(client().get('tool-a'))).toMatchObject({ message: 'last' })
    expect(seen).toHaveLength(3)
  })

  test.each(
    rows([
      [400, refusal('bad_request')],
      [403, { Message: 'Forbidden' }],
      [404, refusal('registration_not_found')],
      [409, refusal('conflict')],
      [412, refusal('version_mismatch')],
      [200, 'no JSON'],
    ]),
  )('unlike %j, which is final', async answer => {
    answers = [answer]
    await failureOf(client().get('tool-a'))
    await failureOf(client().announceUpdate('resource-a'))
    expect(seen).toHaveLength(2)
  })

  test('a removal that finds its work done has succeeded', async () => {
    const gone: Answer = [404, refusal('registration_not_found')]
    for (const failure of ['cut', [502]] as Answer[]) {
      answers = [failure, gone]
      await client().remove('tool-a')
    }
    // Nothing can have been done by an attempt that was turned away at the door.
    answers = [[429], gone]
    expect(await failureOf(client().remove('tool-a'))).toMatchObject({ status: 404 })
    answers = [gone]
    expect(await failureOf(client().remove('tool-a'))).toMatchObject({ status: 404 })
  })

  test('an update that finds another version says that it may be its own', async () => {
    const put = () =>
      failureOf(client().update('tool-a', { type: 'tool', name: 'a', lambdaArn }, { ifMatch: 1 }))
    answers = ['cut', [412, refusal('version_mismatch')]]
    expect(await put()).toMatchObject({
      code: 'version_mismatch',
      status: 412,
      message: expect.stringContaining('An earlier attempt'),
    })
    answers = [[412, refusal('version_mismatch')]]
    expect(await put()).toMatchObject({ code: 'version_mismatch', message: 'no' })
  })

  test('the pause that the server asks for is kept', async () => {
    for (const value of [() => '1', () => new Date(Date.now() + 2_000).toUTCString()]) {
      answers = [
        [429, '', { 'retry-after': value() }],
        [200, stored],
      ]
      const start = performance.now()
      await client().get('tool-a')
      // The date has whole seconds, so that it may be almost one second less.
      expect(performance.now() - start).toBeGreaterThan(900)
    }
    answers = [[503, '', { 'retry-after': '3600' }]]
    seen = []
    expect(await failureOf(client().get('tool-a'))).toMatchObject({ code: 'service_unavailable' })
    expect(seen).toHaveLength(1)
  })

  test('without such a wish it is drawn anew each time, longer after 429', async () => {
    const waits = async (failure: Answer, random: number) => {
      vi.spyOn(Math, 'random').mockReturnValue(random)
      answers = [failure, failure, [200, stored]]
      const start = performance.now()
      await client().get('tool-a')
      return performance.now() - start
    }
    const quick = await waits([500, refusal('internal_error')], 0.99)
    expect(quick).toBeGreaterThan(140)
    expect(await waits([429], 0.1)).toBeGreaterThan(290)
    // The quickest of several, since a busy machine can only add to it.
    const none = [await waits([429], 0), await waits([429], 0), await waits([429], 0)]
    expect(Math.min(...none)).toBeLessThan(quick)
  })
})

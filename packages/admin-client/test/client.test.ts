import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'

import { AdminError, createAdminClient } from '../src/index.ts'
import { retryDelay } from '../src/request.ts'

/** A response, or a connection that is cut without one. */
type Scripted = [status: number, body?: unknown, headers?: Record<string, string>] | 'cut'

interface Seen {
  method: string | undefined
  url: string | undefined
  headers: IncomingMessage['headers']
  body: unknown
}

let server: Server
let origin: string
/** What the server sends, one after the other. The last one stays. */
let responses: Scripted[]
let seen: Seen[]

beforeEach(async () => {
  responses = []
  seen = []
  server = createServer((request, response) => void serve(request, response))
  await new Promise<void>(listening => server.listen(0, '127.0.0.1', listening))
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  // No jitter: only the pauses that a server asks for are left.
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
  const scripted = responses.length > 1 ? responses.shift() : responses[0]
  if (!scripted || scripted === 'cut') return response.destroy()
  const [status, content = '', more = {}] = scripted
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

/** `each` would spread a response over several arguments. */
const rows = (list: Scripted[]) => list.map((scripted): [Scripted] => [scripted])

const lambdaArn = 'arn:aws:lambda:us-east-1:000000000000:function:a'
const stored = { id: 'tool-a', type: 'tool', name: 'a', version: 3 }
const NO_ID = { code: 'registration_not_found', hint: expect.stringContaining('<type>-<name>') }

describe('a call', () => {
  test('is signed, creates or replaces by id and resolves with the response', async () => {
    responses = [[201, stored]]
    const { registerTool, registerResource, registerPrompt } = client()
    expect(await registerTool({ name: 'a', lambdaArn })).toEqual(stored)
    await registerResource({ name: 'b', lambdaArn, uri: 'notes://today' })
    await registerPrompt({ name: 'c', lambdaArn })
    expect(seen.map(({ method, url }) => [method, url])).toEqual([
      ['PUT', '/register/tool-a'],
      ['PUT', '/register/resource-b'],
      ['PUT', '/register/prompt-c'],
    ])
    for (const { headers } of seen) {
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

  test('reads, replaces and removes by id, with If-Match where a version is given', async () => {
    responses = [[200, stored], [200, stored], [200, stored], [204], [204]]
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

  test('repairs by id, and a removal resolves with the warnings of the API', async () => {
    const status = { state: 'not_granted', message: 'm', fix: ['aws lambda …'] }
    responses = [
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
    for (const id of ['', '.', '..']) await expect(repair(id)).rejects.toMatchObject(NO_ID)
  })

  test('announces the update of a resource, at its own URI or at one of its template', async () => {
    responses = [[202, { uri: 'notes://today' }]]
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
    for (const id of ['', '.', '..']) await expect(announceUpdate(id)).rejects.toMatchObject(NO_ID)
    expect(seen).toHaveLength(3)
  })

  test.each(['', '/', '/register', '/register/', '//', '/?x=1#y'])(
    'finds the API where the URL ends with %j',
    async path => {
      responses = [[200, { items: [] }]]
      await client(origin + path).get('tool-a')
      await client(new URL(origin + path)).get('tool-a')
      expect(seen.map(({ url }) => url)).toEqual(['/register/tool-a', '/register/tool-a'])
    },
  )

  test('keeps a path prefix, and encodes an id as one path segment', async () => {
    responses = [[200, stored]]
    await client(`${origin}/stage/`).get('tool-a')
    await client().get('a/../b?c#d%')
    expect(seen.map(({ url }) => url)).toEqual([
      '/stage/register/tool-a',
      '/register/a%2F..%2Fb%3Fc%23d%25',
    ])
    for (const id of ['', '.', '..', 'tool-\ud800'])
      await expect(client().get(id)).rejects.toMatchObject(NO_ID)
    expect(seen).toHaveLength(2)
  })
})

describe('the list', () => {
  const page = (names: string[], nextCursor?: string): Scripted => [
    200,
    { items: names.map(name => ({ ...stored, name })), nextCursor },
  ]

  test('is read page by page, and no further than it is iterated', async () => {
    responses = [page(['a', 'b'], 'c+/='), page([], 'd'), page(['c'])]
    const names: string[] = []
    for await (const { name } of client().list({ type: 'tool' })) names.push(name)
    expect(names).toEqual(['a', 'b', 'c'])
    expect(seen.map(({ url }) => url)).toEqual([
      '/register?type=tool',
      '/register?type=tool&cursor=c%2B%2F%3D',
      '/register?type=tool&cursor=d',
    ])
    seen = []
    responses = [page(['a', 'b'], 'more')]
    for await (const _ of client().list()) break
    expect(seen).toHaveLength(1)
  })

  test('rejects when a later page fails, instead of ending early', async () => {
    responses = [page(['a'], 'c'), [400, refusal('bad_request')]]
    const names: string[] = []
    const all = async () => {
      for await (const { name } of client().list()) names.push(name)
    }
    expect(await failureOf(all())).toMatchObject({ code: 'bad_request' })
    expect(names).toEqual(['a'])
  })
})

describe('a plan', () => {
  const tools = (...names: string[]) => ({
    tools: Object.fromEntries(names.map(name => [name, { lambdaArn }])),
  })
  const result = (id: string, change: string, more: object = {}) => ({
    id,
    change,
    status: { state: 'ready' },
    ...more,
  })
  const unknown = { status: { state: 'unknown', message: 'm', fix: [] } }
  const error = { error: { code: 'internal_error', message: 'm' } }
  const page: Scripted = [200, { items: [] }]
  const answer = (...results: object[]): Scripted => [200, { results }]

  test('repeats what is not certain, and counts it by what the first attempt has done', async () => {
    responses = [
      page,
      answer(result('tool-a', 'created'), result('tool-b', 'created'), result('tool-c', 'created')),
      answer(
        result('tool-a', 'created', unknown),
        result('tool-b', 'failed', error),
        result('tool-c', 'created'),
      ),
      answer(result('tool-a', 'unchanged'), result('tool-b', 'created')),
    ]
    const applied = await client().apply(tools('a', 'b', 'c'))
    expect(applied).toEqual({
      created: ['tool-a', 'tool-b', 'tool-c'],
      updated: [],
      deleted: [],
      repaired: [],
      unchanged: [],
      notReady: [],
      warnings: [],
    })
    expect(seen).toHaveLength(4)
  })

  test('says afterwards what it could not know before, and how far it came', async () => {
    const known = { warnings: ['known'] }
    const planned = [page, answer(result('tool-a', 'updated', known), result('tool-b', 'created'))]
    responses = [
      ...planned,
      answer(
        result('tool-a', 'updated', { warnings: ['known', 'not revoked'] }),
        result('tool-b', 'created'),
      ),
    ]
    expect((await client().apply(tools('a', 'b'))).warnings).toEqual([
      { id: 'tool-a', message: 'not revoked' },
    ])
    const many = Array.from({ length: 101 }, (_, n) => `t${n}`)
    const results = many.map(name => result(`tool-${name}`, 'created'))
    responses = [
      page,
      answer(...results.slice(0, 100)),
      answer(...results.slice(100)),
      answer(result('tool-t0', 'failed', error), ...results.slice(1, 100)),
      [403, refusal('access_denied', 'no')],
    ]
    expect(await failureOf(client().apply(tools(...many)))).toMatchObject({
      code: 'access_denied',
      message: 'no. 99 registrations were applied before',
      hint: expect.stringMatching(/lambda:InvokeFunctionUrl.* Run plan and apply again/),
    })
  })

  test('says how far it came also where the second attempt fails', async () => {
    responses = [
      page,
      answer(result('tool-a', 'created'), result('tool-b', 'created')),
      answer(result('tool-a', 'created'), result('tool-b', 'failed', error)),
      [403, { Message: 'The security token included in the request is expired' }],
    ]
    expect(await failureOf(client().apply(tools('a', 'b')))).toMatchObject({
      code: 'expired_token',
      message: expect.stringContaining('1 registrations were applied before'),
      hint: expect.stringMatching(/aws sso login.* Run plan and apply again/),
    })
  })

  test('names the entries of the manifest that are wrong, and not the changes of a batch', async () => {
    const issues = [
      { path: '/changes/1/put/allow/0', message: 'is not an ARN' },
      { path: '/changes/2', message: '"tool-old" has version 3, not 2' },
    ]
    const { error } = refusal('invalid_registration', 'wrong: /changes/1/put/allow/0 is no ARN')
    const old = { ...stored, id: 'tool-old', name: 'old', owner: 'me' }
    responses = [
      [200, { items: [old] }],
      [400, { error: { ...error, issues } }],
    ]
    const manifest = {
      owner: 'me',
      ...tools('a'),
      resources: { b: { lambdaArn, uri: 'notes://today' } },
    }
    expect(await failureOf(client().plan(manifest, { prune: true }))).toMatchObject({
      code: 'invalid_registration',
      message: 'wrong: /resources/b/allow/0 is no ARN',
      issues: [
        { ...issues[0], path: '/resources/b/allow/0' },
        { ...issues[1], path: '/tool-old' },
      ],
    })
  })

  test('as Markdown has room in a comment of GitHub, and as text is whole', async () => {
    const names = Array.from({ length: 900 }, (_, n) => `${n}-`.padEnd(120, 'x'))
    const all = names.map(name => result(`tool-${name}`, 'created', { warnings: ['w'] }))
    const parts = Array.from({ length: 9 }, (_, n) => all.slice(n * 100, n * 100 + 100))
    responses = [page, ...parts.map(it => answer(...it))]
    const plan = await client().plan(tools(...names))
    expect(plan.toText()).toContain('+ tool-899-')
    const markdown = plan.toText('markdown')
    expect(markdown.length).toBeLessThan(65_536)
    expect(markdown).toMatch(
      /^\*\*900 to create.*\n… and \d+ more lines.*\n```\n\n… and 900 more lines/s,
    )
  })

  test('repairs what has a permission too few or too many, and counts what is ready', async () => {
    responses = [
      page,
      answer(
        result('tool-a', 'unchanged', { grants: true }),
        result('tool-b', 'unchanged', { revokes: true }),
        result('tool-c', 'unchanged'),
        result('tool-d', 'unchanged', { grants: true }),
        result('tool-e', 'updated'),
      ),
      answer(
        result('tool-a', 'unchanged'),
        result('tool-b', 'unchanged'),
        result('tool-d', 'unchanged', { status: { ...unknown.status, state: 'not_granted' } }),
        result('tool-e', 'unchanged'),
      ),
    ]
    const plan = await client().plan(tools('a', 'b', 'c', 'd', 'e'))
    expect(plan.toText()).toContain('* tool-b: repair the invoke permission')
    expect(await plan.apply()).toMatchObject({
      updated: [],
      repaired: ['tool-a', 'tool-b'],
      unchanged: ['tool-c', 'tool-d', 'tool-e'],
      notReady: [{ id: 'tool-d' }],
    })
  })
})

describe('a refusal', () => {
  test('carries code, hint, status, request id and issues', async () => {
    const issues = [{ path: '/name', message: 'is missing' }]
    responses = [[400, { error: { ...refusal('invalid_registration').error, issues } }]]
    const error = await failureOf(client().registerTool({ name: '', lambdaArn }))
    expect(error).toBeInstanceOf(AdminError)
    expect(error).toMatchObject({
      name: 'AdminError',
      message: 'no',
      code: 'invalid_registration',
      hint: expect.stringContaining('issues'),
      retryable: false,
      status: 400,
      requestId: 'body-id',
      issues,
    })
  })

  test.each<[Scripted, string, string]>([
    [[403, { Message: 'Forbidden. For troubleshooting see: …' }], 'access_denied', 'Forbidden'],
    [
      [403, { message: 'The signature does not match.\n\nThe Canonical String: token=XYZ' }],
      'signature_mismatch',
      'does not match',
    ],
    [[403, { Message: null }], 'access_denied', 'answered 403'],
    [[401, 'Unauthorized'], 'invalid_credentials', 'Unauthorized'],
    [[413], 'payload_too_large', 'answered 413'],
    [[429, { Message: 'Rate Exceeded.' }], 'rate_limited', 'Rate Exceeded'],
    [[502, 'Internal Server Error'], 'server_error', 'Internal Server Error'],
    [[503, '<html>'], 'server_error', '<html>'],
    [[404, '<!doctype html>'], 'invalid_response', '<!doctype html>'],
    [[200, '<!doctype html>'], 'invalid_response', 'without JSON'],
    [[400, { error: 'nope' }], 'invalid_response', 'answered 400'],
    [[307, '', { location: 'https://example.com/' }], 'redirect_refused', 'redirect'],
  ])('that does not come from the API, %j, becomes %s', async (scripted, code, message) => {
    responses = [scripted]
    const error = await failureOf(client().registerTool({ name: 'a', lambdaArn }))
    expect(error).toMatchObject({ code, message: expect.stringContaining(message), issues: [] })
    expect(error.hint).toMatch(/\S/)
    if (code === 'invalid_response') expect(error.hint).toContain('RegistrationUrl')
    if (code !== 'redirect_refused') expect(error.status).toBe(scripted[0])
    expect(error.message).not.toContain('XYZ')
  })

  test('has a code where there is no server, no absolute URL, no https or no credentials', async () => {
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
      hint: expect.stringContaining('RegistrationUrl'),
    })
    const loggedOut = createAdminClient({
      url: origin,
      region: 'us-east-1',
      credentials: () => Promise.reject(new Error('logged out')),
    })
    expect(await failureOf(loggedOut.get('tool-a'))).toMatchObject({
      code: 'no_credentials',
      hint: expect.stringContaining('aws sso login'),
      message: expect.stringContaining('logged out'),
    })
    expect(seen).toEqual([])
  })
})

describe('after a failure of the server or of the network', () => {
  const failures: Scripted[] = [
    [500, refusal('internal_error')],
    [502, 'Internal Server Error'],
    [503],
    [429],
    'cut',
  ]

  test.each(rows(failures))('%j, every call is repeated', async failure => {
    const { get, registerTool, update, remove, list, announceUpdate } = client()
    for (const call of [
      () => registerTool({ name: 'a', lambdaArn }),
      () => get('tool-a'),
      () => update('tool-a', { type: 'tool', name: 'a', lambdaArn }),
      () => remove('tool-a'),
      () => announceUpdate('resource-a'),
      async () => {
        for await (const _ of list()) break
      },
    ]) {
      seen = []
      responses = [failure, failure, [200, { ...stored, items: [] }]]
      await call()
      expect(seen).toHaveLength(3)
    }
  })

  test('that cuts off an announcement, the hint is to try again', async () => {
    responses = ['cut']
    expect(await failureOf(client().announceUpdate('resource-a'))).toMatchObject({
      code: 'connection_failed',
      message: expect.stringContaining('it is unknown whether the request ran'),
      hint: expect.stringContaining('try again'),
      retryable: true,
    })
  })

  test('that persists, the third attempt is the last', async () => {
    responses = [
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
  )('the call is not repeated where the failure is %j', async scripted => {
    responses = [scripted]
    await failureOf(client().get('tool-a'))
    await failureOf(client().announceUpdate('resource-a'))
    expect(seen).toHaveLength(2)
  })

  test('a removal succeeds when a later attempt finds nothing to remove', async () => {
    const gone: Scripted = [404, refusal('registration_not_found')]
    for (const failure of ['cut', [502]] as Scripted[]) {
      responses = [failure, gone]
      await client().remove('tool-a')
    }
    // An attempt that a rate limit refused has not run.
    responses = [[429], gone]
    expect(await failureOf(client().remove('tool-a'))).toMatchObject({ status: 404 })
    responses = [gone]
    expect(await failureOf(client().remove('tool-a'))).toMatchObject({ status: 404 })
  })

  test('an update that finds another version says that an earlier attempt may have written it', async () => {
    const put = () =>
      failureOf(client().update('tool-a', { type: 'tool', name: 'a', lambdaArn }, { ifMatch: 1 }))
    responses = ['cut', [412, refusal('version_mismatch')]]
    expect(await put()).toMatchObject({
      code: 'version_mismatch',
      status: 412,
      message: expect.stringContaining('An earlier attempt'),
    })
    responses = [[412, refusal('version_mismatch')]]
    expect(await put()).toMatchObject({ code: 'version_mismatch', message: 'no' })
  })

  test('Retry-After is followed up to 20 seconds', async () => {
    for (const value of ['0', new Date(Date.now() - 2_000).toUTCString()]) {
      responses = [
        [429, '', { 'retry-after': value }],
        [200, stored],
      ]
      expect(await client().get('tool-a')).toEqual(stored)
    }
    responses = [[503, '', { 'retry-after': '3600' }]]
    seen = []
    expect(await failureOf(client().get('tool-a'))).toMatchObject({
      code: 'server_error',
      retryAfterMs: 3_600_000,
    })
    expect(seen).toHaveLength(1)
  })

  test('the pause is the one that the server asks for, else it is random and longer after 429', () => {
    const throttled = (retryAfterMs?: number) =>
      new AdminError('rate_limited', 'm', { status: 429, retryable: true, retryAfterMs })
    const failed = new AdminError('server_error', 'm', { status: 503, retryable: true })
    vi.spyOn(Math, 'random').mockReturnValue(0.5)
    expect(retryDelay(throttled(1_500), 1)).toBe(1_500)
    expect(retryDelay(throttled(20_001), 1)).toBeUndefined()
    expect([1, 2, 3].map(attempts => retryDelay(failed, attempts))).toEqual([25, 50, undefined])
    expect([1, 2, 3].map(attempts => retryDelay(throttled(), attempts))).toEqual([
      500,
      1_000,
      undefined,
    ])
    vi.spyOn(Math, 'random').mockReturnValue(0)
    expect(retryDelay(throttled(), 1)).toBe(0)
  })
})

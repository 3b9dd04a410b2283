import type { ErrorBody, Registration } from '@markvp/mcp-lambda-sam-admin-client/api-schema'
import { beforeEach, describe, expect, test, vi } from 'vitest'

import { compileSchema } from '../../src/json-schema/validator.ts'
import { dynamoRegistry } from '../../src/registry/dynamo.ts'
import { type Emulator, startDynamo } from '../support/dynamodb.ts'
import { registrationUrl } from '../support/registration-url.ts'

const ARN = 'arn:aws:lambda:eu-central-1:123456789012:function:example'
const example = { type: 'tool', name: 'example', description: 'Example', lambdaArn: ARN }
/** A tool without a warning. */
const silent = { ...example, parameters: {} }

let emulator: Emulator
let call: ReturnType<typeof registrationUrl>
let other: ReturnType<typeof registrationUrl>

beforeEach(async () => {
  emulator = await startDynamo()
  call = registrationUrl(emulator)
  other = registrationUrl(emulator)
  return () => emulator.close()
})

const issuesOf = ({ body }: { body: ErrorBody }) =>
  Object.fromEntries((body.error.issues ?? []).map(({ path, message }) => [path, message]))

describe('a registration', () => {
  test('can be created, read, replaced and deleted', async () => {
    const created = await call('POST', '/register', { ...example, parameters: { input: 'string' } })
    expect(created).toMatchObject({
      status: 201,
      headers: { location: '/register/tool-example', etag: '"1"' },
      body: {
        ...example,
        id: 'tool-example',
        version: 1,
        contract: 'arguments',
        createdBy: 'arn:aws:iam::123456789012:user/admin',
        inputSchema: {
          type: 'object',
          properties: { input: { type: 'string' } },
          required: ['input'],
          additionalProperties: false,
        },
      },
    })
    expect(created.body.createdAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
    expect(created.body).not.toHaveProperty('parameters')
    const { change, ...stored } = created.body
    expect(change).toBe('created')
    expect((await other('GET', '/register/tool-example')).body).toEqual(stored)

    const put = await other('PUT', '/register/tool-example', { ...silent, description: 'New' })
    expect(put).toMatchObject({
      status: 200,
      headers: { etag: '"2"' },
      body: { version: 2, description: 'New', createdAt: created.body.createdAt },
    })
    expect({ ...(await call('GET', '/register/tool-example')).body, change: 'updated' }).toEqual(
      put.body,
    )

    expect(await call('DELETE', '/register/tool-example')).toMatchObject({ status: 204, body: '' })
    expect((await other('GET', '/register/tool-example')).status).toBe(404)
    expect((await other('DELETE', '/register/tool-example')).status).toBe(404)
    expect((await other('POST', '/register', example)).body.version).toBe(1)
  })

  test('from a response can be edited and sent back with PUT', async () => {
    for (const input of [
      { ...example, parameters: { a: 'string' }, outputSchema: { type: 'object' } },
      { ...example, type: 'resource', uriTemplate: 'notes://{id}', mimeType: 'text/plain' },
      { ...example, type: 'prompt', parameters: { topic: 'string', tone: 'string?' } },
    ]) {
      const { body: created } = await call('POST', '/register', input)
      const path = `/register/${input.type}-example`
      const { body: got } = await call('GET', path)
      const put = await call('PUT', path, { ...got, title: 'T' })
      expect(put.body).toEqual({
        ...created,
        change: 'updated',
        title: 'T',
        version: 2,
        updatedAt: put.body.updatedAt,
      })
      // The response of a write may have warnings, which are sent back too.
      expect((await call('PUT', path, { ...put.body, warnings: ['w'] })).status).toBe(200)
    }
  })

  test('of a prompt has its arguments from the shorthand or a schema', async () => {
    const prompt = { ...example, type: 'prompt' }
    const put = async (more: object) =>
      (await call('PUT', '/register/prompt-example', { ...prompt, ...more })).body.arguments
    await call('POST', '/register', prompt)
    const expected = [
      { name: 'topic', description: 'What about', required: true },
      { name: 'tone', required: false },
    ]
    expect(
      await put({
        parameters: { topic: { type: 'string', description: 'What about' }, tone: 'string?' },
      }),
    ).toEqual(expected)
    expect(
      await put({
        parameters: {
          type: 'object',
          properties: { topic: { description: 'What about' }, tone: true },
          required: ['topic'],
        },
      }),
    ).toEqual(expected)
    expect(await put({ arguments: [{ name: 'topic', required: true }] })).toEqual([
      { name: 'topic', required: true },
    ])
  })

  test('keeps a schema unchanged, in order and at any depth', async () => {
    let deep: object = { type: 'string' }
    for (let n = 0; n < 60; n++) deep = { type: 'object', properties: { z: deep, a: true } }
    const inputSchema = {
      type: 'object',
      'x-own': 1,
      properties: { b: deep, a: {} },
      $comment: 'é',
    }
    await call('POST', '/register', { ...example, inputSchema })
    const { body } = await call('GET', '/register/tool-example')
    expect(JSON.stringify(body.inputSchema)).toBe(JSON.stringify(inputSchema))
  })

  test('allows any arguments without parameters, and none with empty parameters', async () => {
    expect((await call('POST', '/register', example)).body.inputSchema).toEqual({
      type: 'object',
      properties: {},
    })
    const none = await call('PUT', '/register/tool-example', { ...example, parameters: {} })
    expect(none.body.inputSchema).toMatchObject({ additionalProperties: false })
  })

  const schema = { type: 'object', properties: { a: { type: 'string' } } }

  test.each<[string, object, string[]]>([
    ['a description', { description: ' ' }, ['There is no description']],
    ['a short name', { name: 'n'.repeat(65) }, ['65 characters']],
    ['a name without a dot', { name: 'a.b' }, ['The name has a dot']],
    ['parameters', { parameters: undefined }, ['There are no parameters']],
    ...['anyOf', 'oneOf', 'allOf'].map((keyword): [string, object, string[]] => [
      `a plain root: ${keyword}`,
      { inputSchema: { ...schema, [keyword]: [{}] } },
      [`/inputSchema/${keyword}: some clients refuse "${keyword}" at the root`],
    ]),
    [
      'properties',
      { inputSchema: { type: 'object' } },
      ['/inputSchema: some clients refuse an input schema without "properties"'],
    ],
    [
      'items in a list',
      { inputSchema: { ...schema, properties: { a: { type: ['array', 'null'] } } } },
      ['/inputSchema/properties/a: some clients refuse a list without "items"'],
    ],
    [
      'items in a list of its output',
      { outputSchema: { ...schema, $defs: { a: { type: 'array' } } } },
      ['/outputSchema/$defs/a: some clients refuse a list without "items"'],
    ],
    [
      'keywords of draft 2020-12',
      {
        inputSchema: {
          ...schema,
          properties: {
            a: { items: [{}] },
            b: { minimum: 1, exclusiveMinimum: true },
            c: { items: [{}] },
          },
        },
      },
      ['/inputSchema/properties/a/items: some', '/inputSchema/properties/b/exclusiveMinimum: some'],
    ],
    [
      'usual names of properties',
      { inputSchema: { ...schema, properties: { 'a b': {} } } },
      ['/inputSchema/properties/a b: some clients refuse names'],
    ],
  ])(
    'of a tool without %s is accepted with a warning in that response',
    async (_, more, warnings) => {
      const tool = { ...example, parameters: {}, ...more }
      const { inputSchema } = more as { inputSchema?: object }
      const body = inputSchema ? { ...tool, parameters: undefined } : tool
      const created = await call('POST', '/register', body)
      expect(created.status).toBe(201)
      expect(created.body.warnings).toEqual(warnings.map(it => expect.stringContaining(it)))
      expect((await call('GET', `/register/tool-${tool.name}`)).body).not.toHaveProperty('warnings')
      expect((await call('PUT', `/register/tool-${tool.name}`, body)).body.warnings).toEqual(
        created.body.warnings,
      )
    },
  )

  test.each<[string, object]>([
    ['a tool', { name: 'n'.repeat(64), parameters: { a: 'string[]', b: 'object?' } }],
    ['a tool without arguments', { parameters: {} }],
    ['a tool with a schema', { inputSchema: schema, outputSchema: schema }],
    ['a resource', { type: 'resource', name: `${'n'.repeat(64)}.a`, uri: 'notes://today' }],
    ['a prompt', { type: 'prompt', name: 'a.b' }],
  ])('of %s as usual has no warning', async (_, more) => {
    const created = await call('POST', '/register', { ...example, ...more })
    expect(created.status).toBe(201)
    expect(created.body).not.toHaveProperty('warnings')
  })

  test('may have parameters with the names of what JavaScript objects have', async () => {
    const body = `{"type":"tool","name":"a","description":"A","lambdaArn":"${ARN}","parameters":{"__proto__":"string","constructor":"integer?"}}`
    const created = await call('POST', '/register', body)
    expect(created.status).toBe(201)
    const text = JSON.stringify((await call('GET', '/register/tool-a')).body.inputSchema)
    expect(text).toBe(
      '{"type":"object","properties":{"__proto__":{"type":"string"},"constructor":{"type":"integer"}},"required":["__proto__"],"additionalProperties":false}',
    )
  })
})

describe('two concurrent writers', () => {
  test('create a registration once, and the other gets already_exists', async () => {
    const responses = await Promise.all([
      call('POST', '/register', { ...silent, description: 'a' }),
      other('POST', '/register', { ...silent, description: 'b' }),
    ])
    const [won, lost] = responses.toSorted((a, b) => a.status - b.status)
    expect(won?.status).toBe(201)
    expect(lost).toMatchObject({ status: 409, body: { error: { code: 'already_exists' } } })
    const { body } = await call('GET', '/register/tool-example')
    expect({ ...body, change: 'created' }).toEqual(won?.body)
  })

  test.each([
    ['without a version', {}, 409, 'conflict'],
    ['with a version', { 'if-match': '"1"' }, 412, 'version_mismatch'],
  ])('replace it once %s, and the others are refused', async (_, headers, status, code) => {
    await call('POST', '/register', example)
    const put = (n: number) =>
      [call, other][n % 2]?.(
        'PUT',
        '/register/tool-example',
        { ...silent, description: String(n) },
        { 'content-type': 'application/json', ...headers },
      )
    const responses = await Promise.all(Array.from({ length: 10 }, (_, n) => put(n)))
    const won = responses.filter(response => response?.status === 200)
    const lost = responses.filter(response => response?.status === status)
    const { body } = await call('GET', '/register/tool-example')
    // Without a version, a writer that starts after another has ended replaces its registration.
    expect(body.version).toBe(1 + won.length)
    expect(won.map(response => response?.body)).toContainEqual({ ...body, change: 'updated' })
    expect(won.length + lost.length).toBe(10)
    expect(lost.length).toBeGreaterThan(0)
    for (const response of lost) expect(response?.body.error.code).toBe(code)
    if ('if-match' in headers) expect(won).toHaveLength(1)
  })
})

describe('If-Match', () => {
  let title = 0
  const put = (ifMatch: string, method = 'PUT') =>
    call(
      method,
      '/register/tool-example',
      { ...example, title: `${++title}` },
      {
        'content-type': 'application/json',
        'if-match': ifMatch,
      },
    )

  test('accepts the current version in every form', async () => {
    await call('POST', '/register', example)
    const statuses = []
    for (const value of ['"1"', '2', 'W/"3"', '*', ' "5" '])
      statuses.push((await put(value)).status)
    expect(statuses).toEqual([200, 200, 200, 200, 200])
  })

  test('refuses another version and an invalid value', async () => {
    await call('POST', '/register', example)
    for (const method of ['PUT', 'DELETE']) {
      expect(await put('"2"', method)).toMatchObject({
        status: 412,
        body: {
          error: { code: 'version_mismatch', message: expect.stringContaining('version 1') },
        },
      })
      for (const value of ['', '"x"', '1"', '"1', '1.0', '-1', '"1", "2"', '1e3', '9'.repeat(30)])
        expect((await put(value, method)).status).toBe(400)
    }
    expect((await call('GET', '/register/tool-example')).body.version).toBe(1)
    expect((await put('"1"', 'DELETE')).status).toBe(204)
  })
})

describe('the path', () => {
  test('may have repeated slashes, a trailing slash and percent-encoding', async () => {
    for (const path of ['//register', '/register/', '///register//'])
      expect((await call('GET', path)).body).toEqual({ items: [] })
    await call('POST', '//register', { ...example, name: 'a.b-c_d' })
    for (const id of ['tool-a.b-c_d', '%74ool%2Da%2Eb-c_d', 'tool-a.b-c_d/'])
      expect((await call('GET', `//register/${id}`)).status).toBe(200)
  })

  test.each([
    ['/', 404, 'not_found'],
    ['/registers', 404, 'not_found'],
    ['/register/tool-a/b', 404, 'not_found'],
    ['/register/tool-a/Updated', 404, 'not_found'],
    ['/register/tool-a/updated/b', 404, 'not_found'],
    ['/sse', 404, 'not_found'],
    ['/register/%zz', 400, 'bad_request'],
    ['/register/%ff', 400, 'bad_request'],
    ['/register/nope', 404, 'registration_not_found'],
    ['/register/tool-', 404, 'registration_not_found'],
    ['/register/tool-nope', 404, 'registration_not_found'],
    ['/register/tool-a%2Fb', 404, 'registration_not_found'],
    ['/register/tool-%00', 404, 'registration_not_found'],
    ['/register/%23catalogue-revision', 404, 'registration_not_found'],
    [`/register/tool-${'n'.repeat(129)}`, 404, 'registration_not_found'],
  ])('%s gets %i %s', async (path, status, code) => {
    expect(await call('GET', path)).toMatchObject({
      status,
      body: { error: { code, message: expect.any(String), requestId: 'request-1' } },
    })
  })

  test.each([
    ['PUT', '/register', 'GET, POST'],
    ['DELETE', '/register', 'GET, POST'],
    ['OPTIONS', '/register', 'GET, POST'],
    ['constructor', '/register', 'GET, POST'],
    ['POST', '/register/tool-example', 'GET, PUT, DELETE'],
    ['PATCH', '/register/tool-example', 'GET, PUT, DELETE'],
    ['HEAD', '/register/tool-example', 'GET, PUT, DELETE'],
    ['GET', '/register/tool-example/updated', 'POST'],
    ['PUT', '/register/tool-example/updated', 'POST'],
    ['POST', '/register/updated', 'GET, PUT, DELETE'],
  ])('%s %s gets 405 and the allowed methods', async (method, path, allow) => {
    expect(await call(method, path, example)).toMatchObject({ status: 405, headers: { allow } })
  })
})

describe('a body', () => {
  const bare = { type: 'tool', name: 'a', lambdaArn: ARN }
  const nothingStored = async () =>
    expect((await call('GET', '/register')).body).toEqual({ items: [] })

  test.each([
    ['nothing', '', 400],
    ['white space', ' \n', 400],
    ['no JSON', 'type=tool', 400],
    ['cut JSON', JSON.stringify(bare).slice(0, -1), 400],
    ['an array', [bare], 400],
    ['null', null, 400],
    ['a string', '"tool"', 400],
    ['a number', '1', 400],
    ['deep arrays', '['.repeat(150_000), 400],
    ['deep JSON', `{"type":${'['.repeat(150_000)}${']'.repeat(150_000)}}`, 400],
    ['a string that never ends', `"${'\\"'.repeat(150_000)}`, 400],
    ['binary', Buffer.from([0xff, 0xfe, 0x00, 0x80]), 400],
    ['UTF-16', Buffer.from(JSON.stringify(bare), 'utf16le'), 400],
    ['more than an item holds', { ...bare, description: 'x'.repeat(400_000) }, 413],
    ['7 MB', Buffer.alloc(7_000_000, 0x20), 413],
  ])('of %s is refused with an error code', async (_, body, status) => {
    const response = await call('POST', '/register', body)
    const code = status === 413 ? 'payload_too_large' : 'bad_request'
    expect(response).toMatchObject({ status, body: { error: { code } } })
    if (status === 413) expect(response.body.error.message).toContain('400000')
    await nothingStored()
  })

  test('whose expanded shorthand is too large for an item is refused', async () => {
    const parameters = Object.fromEntries(
      Array.from({ length: 20_000 }, (_, n) => [`p${n}`, 'string']),
    )
    expect((await call('POST', '/register', { ...bare, parameters })).status).toBe(413)
    await nothingStored()
  })

  test.each([
    [{}, 415],
    [{ 'content-type': 'text/plain' }, 415],
    [{ 'content-type': 'application/x-www-form-urlencoded' }, 415],
    [{ 'content-type': 'application/jsonp' }, 415],
    [{ 'content-type': 'application/json' }, 201],
    [{ 'content-type': 'application/json; charset=utf-8' }, 201],
    [{ 'content-type': 'Application/JSON;charset=UTF-8' }, 201],
    [{ 'content-type': 'application/vnd.example+json' }, 201],
  ])('with the headers %o gets %i', async (headers, status) => {
    expect((await call('POST', '/register', bare, headers)).status).toBe(status)
  })

  test.each<[string, unknown, string, string]>([
    ['no type', { name: 'a', lambdaArn: ARN }, '/type', '"tool", "resource" or "prompt"'],
    ['an unknown type', { ...bare, type: 'function' }, '/type', '"tool", "resource" or "prompt"'],
    ['no name', { type: 'tool', lambdaArn: ARN }, '/name', 'is missing'],
    ['an empty name', { ...bare, name: '' }, '/name', '1 to 128'],
    ['a name of 129', { ...bare, name: 'n'.repeat(129) }, '/name', '1 to 128'],
    ['a name with a space', { ...bare, name: 'a b' }, '/name', '1 to 128'],
    ['a name with a slash', { ...bare, name: 'a/b' }, '/name', '1 to 128'],
    ['a name with a line break', { ...bare, name: 'a\n' }, '/name', '1 to 128'],
    ['a name in another alphabet', { ...bare, name: 'näme' }, '/name', '1 to 128'],
    ['a name that is a number', { ...bare, name: 5 }, '/name', 'expected string, received number'],
    ['no function', { type: 'tool', name: 'a' }, '/lambdaArn', 'is missing'],
    ['a function that is null', { ...bare, lambdaArn: null }, '/lambdaArn', 'received null'],
    ['a description that is null', { ...bare, description: null }, '/description', 'received null'],
    ['an unknown field', { ...bare, lambdaARN: ARN }, '/lambdaARN', 'is not a known field'],
    [
      'an unknown field within',
      { ...bare, icons: [{ src: 'https://a', url: 'b' }] },
      '/icons/0/url',
      'is not a known field',
    ],
    ['a field with a slash', { ...bare, 'a/b~c': 1 }, '/a~1b~0c', 'is not a known field'],
    ['a field of another type', { ...bare, uri: 'a://b' }, '/uri', 'is not a known field'],
    ['a field of the server', { ...bare, id: 'tool-a' }, '/id', 'is not a known field'],
    [
      '__proto__',
      `{"type":"tool","name":"a","lambdaArn":"${ARN}","__proto__":{"a":1}}`,
      '/__proto__',
      'not a usable name',
    ],
    [
      '__proto__ within',
      `{"type":"tool","name":"a","lambdaArn":"${ARN}","_meta":{"a":{"__proto__":{}}}}`,
      '/_meta/a/__proto__',
      'not a usable name',
    ],
    [
      'an infinite number',
      `{"type":"tool","name":"a","lambdaArn":"${ARN}","_meta":{"n":[1e999]}}`,
      '/_meta/n/0',
      'too large',
    ],
    [
      'a script as icon',
      { ...bare, icons: [{ src: 'javascript:alert(1)' }] },
      '/icons/0/src',
      'https:',
    ],
    ['an unknown contract', { ...bare, contract: 'rest' }, '/contract', '"arguments"|"mcp"'],
    ['an empty allow list', { ...bare, allow: [] }, '/allow', '>=1'],
    [
      'a source identity allowed',
      { ...bare, allow: ['sts:SourceIdentity/ann'] },
      '/allow/0',
      'Lambda does not tell',
    ],
    [
      'both kinds of parameters',
      { ...bare, parameters: {}, inputSchema: { type: 'object' } },
      '/inputSchema',
      'one of the two',
    ],
    [
      'an unknown word',
      { ...bare, parameters: { n: 'int' } },
      '/parameters/n',
      '"int" is not a type',
    ],
    [
      'an unknown word within',
      { ...bare, parameters: { o: { type: 'object', properties: { n: 'int' } } } },
      '/parameters/o/properties/n',
      '"int" is not a type',
    ],
    [
      'a schema in the shorthand',
      { ...bare, parameters: { n: { type: 'integer', minimum: 1 } } },
      '/parameters/n/minimum',
      'inputSchema',
    ],
    ['no URI', { ...bare, type: 'resource' }, '/uri', 'exactly one'],
    [
      'two URIs',
      { ...bare, type: 'resource', uri: 'a://b', uriTemplate: 'a://{b}' },
      '/uri',
      'exactly one',
    ],
    ['a relative URI', { ...bare, type: 'resource', uri: 'notes/today' }, '/uri', 'absolute URI'],
    ['a URI with a space', { ...bare, type: 'resource', uri: 'a://b c' }, '/uri', 'absolute URI'],
    [
      'an open template',
      { ...bare, type: 'resource', uriTemplate: 'a://{b' },
      '/uriTemplate',
      'URI template',
    ],
    [
      'an empty expression',
      { ...bare, type: 'resource', uriTemplate: 'a://{}' },
      '/uriTemplate',
      'URI template',
    ],
    [
      'an unmatchable expression',
      { ...bare, type: 'resource', uriTemplate: 'a://{b:3}' },
      '/uriTemplate',
      'the gateway cannot match: it has the prefix modifier',
    ],
    [
      'a query before a path',
      { ...bare, type: 'resource', uriTemplate: 'a://b{?c}/d' },
      '/uriTemplate',
      'it has more than a fragment behind',
    ],
    [
      'a relative template',
      { ...bare, type: 'resource', uriTemplate: 'notes/{id}' },
      '/uriTemplate',
      'absolute URI template',
    ],
    [
      'an argument twice',
      { ...bare, type: 'prompt', arguments: [{ name: 'a' }, { name: 'a' }] },
      '/arguments',
      'twice',
    ],
    [
      'broken arguments',
      { ...bare, type: 'prompt', parameters: { type: 'object', properties: { a: null } } },
      '/parameters/properties/a',
      'must be object or boolean',
    ],
  ])('with %s is refused, with the path of the issue', async (_, body, path, message) => {
    const response = await call('POST', '/register', body)
    expect(response).toMatchObject({
      status: 400,
      body: { error: { code: 'invalid_registration' } },
    })
    expect(issuesOf(response)).toEqual({ [path]: expect.stringContaining(message) })
    expect(response.body.error.message).toContain(path)
    await nothingStored()
  })

  test('gets all its issues in one response, up to a limit', async () => {
    const response = await call('POST', '/register', { type: 'tool', name: ' ', foo: 1, bar: 2 })
    expect(Object.keys(issuesOf(response)).toSorted()).toEqual([
      '/bar',
      '/foo',
      '/lambdaArn',
      '/name',
    ])
    const fields = Object.fromEntries(Array.from({ length: 20_000 }, (_, n) => [`f${n}`, n]))
    const long = await call('POST', '/register', { ...bare, ...fields })
    expect(long.body.error.issues).toHaveLength(50)
    expect(long.body.error.message.length).toBeLessThan(500)
  })

  test('for another registration than the path is refused', async () => {
    await call('POST', '/register', bare)
    for (const body of [
      { ...bare, name: 'b' },
      { ...bare, type: 'prompt' },
    ])
      expect(await call('PUT', '/register/tool-a', body)).toMatchObject({
        status: 400,
        body: { error: { code: 'invalid_registration' } },
      })
  })
})

describe('a resource update', () => {
  const note = { ...example, type: 'resource', name: 'a.b_c', uriTemplate: 'notes://{id}' }
  const path = '/register/resource-a.b_c/updated'
  const today = { ...example, type: 'resource', name: 'today', uri: 'notes://today' }
  const tokens = (...uris: string[]) =>
    dynamoRegistry(emulator.dynamo(), emulator.tables.RegistrationTable).updateTokens(uris)
  beforeEach(async () => {
    for (const registration of [note, today, example]) await call('POST', '/register', registration)
  })

  test('is announced for the URI of the resource, with or without a body', async () => {
    const seen = new Set<string | undefined>()
    for (const body of [undefined, '', {}, '{}', { uri: 'notes://today' }]) {
      const response = await other('POST', '/register/resource-today/updated', body)
      expect(response).toMatchObject({ status: 202, body: { uri: 'notes://today' } })
      seen.add((await tokens('notes://today')).get('notes://today'))
    }
    // A signed POST without a body has no content type.
    expect((await call('POST', '/register/resource-today/updated', undefined, {})).status).toBe(202)
    expect(seen.size).toBe(5)
    expect(seen).not.toContain(undefined)
  })

  test('is announced for one URI of the template', async () => {
    const response = await call('POST', path, { uri: 'notes://7' })
    expect(response).toMatchObject({ status: 202, body: { uri: 'notes://7' } })
    expect([...(await tokens('notes://7', 'notes://8', 'notes://{id}')).keys()]).toEqual([
      'notes://7',
    ])
    expect((await call('GET', '/register/resource-a.b_c')).body.version).toBe(1)
  })

  test.each(['%72esource-a%2Eb%5Fc/updated', '/resource-a.b_c//updated/'])(
    'is accepted at /register/%s',
    async place => {
      expect((await call('POST', `/register/${place}`, { uri: 'notes://7' })).status).toBe(202)
    },
  )

  test.each<[string, unknown, string]>([
    ['resource-today', { uri: 'notes://Today' }, '"notes://today"'],
    ['resource-today', { uri: '' }, '"notes://today"'],
    ['resource-today', { uri: null }, 'a string'],
    ['resource-a.b_c', undefined, 'is missing'],
    ['resource-a.b_c', {}, '"notes://{id}"'],
    ['resource-a.b_c', { uri: 'notes://' }, 'does not match'],
    ['resource-a.b_c', { uri: 'notes://7/8' }, '"notes://{id}"'],
    ['resource-a.b_c', { uri: 'notes://{id}/' }, 'does not match'],
    ['resource-a.b_c', { uri: ['notes://7'] }, 'a string'],
  ])('of %s with %j is refused at /uri, with the fix', async (id, body, fix) => {
    const response = await call('POST', `/register/${id}/updated`, body)
    expect(response).toMatchObject({ status: 400, body: { error: { code: 'bad_request' } } })
    expect(issuesOf(response)).toEqual({ '/uri': expect.stringContaining(fix) })
    expect(response.body.error.message).toContain(fix)
    expect(await tokens('notes://today', 'notes://7')).toEqual(new Map())
  })

  test.each<[string, string, unknown, number, string, string]>([
    ['a tool', 'tool-example', {}, 400, 'bad_request', 'only resources'],
    ['nothing', 'resource-nope', {}, 404, 'registration_not_found', 'GET /register'],
    ['nothing at all', '%23announced-x', {}, 404, 'registration_not_found', 'GET /register'],
    ['an array', 'resource-today', [], 400, 'bad_request', 'JSON object'],
    ['null', 'resource-today', 'null', 400, 'bad_request', 'JSON object'],
    ['cut JSON', 'resource-today', '{', 400, 'bad_request', 'not JSON'],
    ['another field', 'resource-today', { url: 'a' }, 400, 'bad_request', '"url"'],
    ['17 KB', 'resource-a.b_c', { uri: 'a'.repeat(17_000) }, 413, 'payload_too_large', '16384'],
  ])('for %s is refused', async (_, id, body, status, code, fix) => {
    const response = await call('POST', `/register/${id}/updated`, body)
    expect(response).toMatchObject({ status, body: { error: { code } } })
    expect(response.body.error.message).toContain(fix)
  })

  test('with another content type than JSON is refused', async () => {
    const headers = { 'content-type': 'text/plain' }
    expect((await call('POST', path, '{"uri":"notes://7"}', headers)).status).toBe(415)
  })

  test('that could not be counted fails, and succeeds when it is repeated', async () => {
    const logged = vi.spyOn(console, 'error').mockImplementation(() => {})
    let cut = true
    // Network failure: the second write is never sent.
    const dynamo = emulator.dynamo(send => async (operation, input) => {
      if (cut && operation === 'UpdateItem') throw new Error('cut off')
      return send(operation, input)
    })
    const failing = registrationUrl({ ...emulator, dynamo: () => dynamo })
    expect((await failing('POST', path, { uri: 'notes://7' })).status).toBe(500)
    expect(logged).toHaveBeenCalledOnce()
    logged.mockRestore()
    cut = false
    expect((await failing('POST', path, { uri: 'notes://7' })).status).toBe(202)
  })
})

describe('a JSON Schema', () => {
  const register = (schema: unknown, field = 'inputSchema') =>
    call('POST', '/register', { ...example, name: `n${Math.random()}`, [field]: schema })
  const object = (properties: object, more: object = {}) => ({
    type: 'object',
    properties,
    ...more,
  })

  test.each<[string, unknown, string, string]>([
    ['is no object', 'string', '', 'expected record'],
    ['describes no object', { type: 'string' }, '', '"type": "object"'],
    ['has no type', { properties: {} }, '', '"type": "object"'],
    [
      'has an unknown type',
      object({ a: { type: 'strin' } }),
      '/properties/a/type',
      'one of array, boolean',
    ],
    ['has a null property', object({ a: null }), '/properties/a', 'must be object or boolean'],
    [
      'has a keyword of the wrong type',
      object({ a: { minimum: '5' } }),
      '/properties/a/minimum',
      'must be number',
    ],
    [
      'has a boolean "required"',
      object({ a: { required: true } }),
      '/properties/a/required',
      'must be array',
    ],
    [
      'has a broken pattern',
      object({ a: { pattern: '(' } }),
      '/properties/a/pattern',
      'is not a regular expression of JavaScript',
    ],
    [
      'has a key that is not a pattern',
      { type: 'object', patternProperties: { 'a/(': {} } },
      '/patternProperties/a~1(',
      'Unterminated group',
    ],
    [
      'has 5,000 patterns',
      {
        type: 'object',
        patternProperties: Object.fromEntries(
          Array.from({ length: 5_000 }, (_, n) => [`^${n}`, {}]),
        ),
      },
      '/patternProperties',
      'at most 1500',
    ],
    [
      'refers to itself without end',
      object(
        { a: { $ref: '#/$defs/b' } },
        { $defs: { b: { anyOf: [{}, { $ref: '#/$defs/b' }] } } },
      ),
      '/$defs/b/anyOf/1/$ref',
      'without end',
    ],
    [
      'refers to the network',
      object({ a: { $ref: 'https://example.com/s.json' } }),
      '/properties/a/$ref',
      'is not fetched',
    ],
    [
      'refers to a file',
      object({ 'a/b': { $ref: 'defs.json#/x' } }),
      '/properties/a~1b/$ref',
      'is not fetched',
    ],
    [
      'refers to a missing definition',
      object({ a: { $ref: '#/$defs/b' } }),
      '/properties/a/$ref',
      '$defs',
    ],
    [
      'has an unsupported draft',
      object({}, { $schema: 'http://json-schema.org/draft-03/schema#' }),
      '/$schema',
      '2020-12',
    ],
    [
      'has a custom draft',
      object({}, { $schema: 'https://example.com/mine' }),
      '/$schema',
      '2020-12',
    ],
    [
      'is not valid in draft 07',
      object({ a: { type: 1 } }, { $schema: 'http://json-schema.org/draft-07/schema#' }),
      '/properties/a/type',
      'must be',
    ],
    [
      'is not valid in 2019-09',
      object({ a: { maxLength: -1 } }, { $schema: 'https://json-schema.org/draft/2019-09/schema' }),
      '/properties/a/maxLength',
      '>= 0',
    ],
  ])('that %s is refused, with the path of the issue', async (_, schema, place, message) => {
    for (const field of ['inputSchema', 'outputSchema']) {
      const response = await register(schema, field)
      expect(response.status).toBe(400)
      expect(issuesOf(response)).toEqual({
        [`/${field}${place}`]: expect.stringContaining(message),
      })
    }
  })

  test('in "parameters" is checked', async () => {
    const response = await register(object({ a: { type: 'strin' } }), 'parameters')
    expect(Object.keys(issuesOf(response))).toEqual(['/parameters/properties/a/type'])
  })

  test.each<[string, object]>([
    ['of 2020-12 by default', object({ a: { prefixItems: [{ type: 'string' }], items: false } })],
    ['of 2020-12', object({}, { $schema: 'https://json-schema.org/draft/2020-12/schema' })],
    ['of 2019-09', object({}, { $schema: 'https://json-schema.org/draft/2019-09/schema#' })],
    [
      'of draft 07',
      object({ a: { items: [{}] } }, { $schema: 'http://json-schema.org/draft-07/schema#' }),
    ],
    ['of draft 06', object({}, { $schema: 'https://json-schema.org/draft-06/schema' })],
    [
      'with references within',
      object({ a: { $ref: '#/$defs/b' } }, { $defs: { b: { items: { $ref: '#' } } } }),
    ],
    [
      'with a reference by id',
      object(
        { a: { $ref: 'b.json' } },
        { $id: 'https://x.test/a.json', $defs: { b: { $id: 'b.json' } } },
      ),
    ],
    [
      'with unknown keywords and formats',
      object({ a: { format: 'uuid', 'x-order': 1 } }, { 'x-own': 3 }),
    ],
    [
      'with properties called like keywords',
      object({ $ref: {}, id: {}, type: {}, properties: {} }),
    ],
    [
      'of draft 04',
      object(
        { a: { minimum: 0, exclusiveMinimum: true }, b: { $ref: '#/definitions/b' } },
        { $schema: 'http://json-schema.org/draft-04/schema#', id: 'x', definitions: { b: {} } },
      ),
    ],
    ['with a pattern that is not valid in Unicode mode', object({ a: { pattern: '\\_' } })],
    ['with "nullable" beside a reference', object({ a: { $ref: '#', nullable: true } })],
    ['with a keyword of Ajv', object({}, { $async: true })],
    [
      'with the id of its draft',
      object({}, { $id: 'https://json-schema.org/draft/2020-12/schema' }),
    ],
  ])('%s is accepted, here and by the gateway', async (_, schema) => {
    const response = await register(schema)
    expect(response.body.error?.issues).toBeUndefined()
    expect(response.body.inputSchema).toEqual(schema)
    expect(compileSchema(schema as Record<string, unknown>)({})).toBeUndefined()
  })

  test('with the $id of another schema is accepted and checked on its own', async () => {
    const $id = 'https://example.com/same'
    expect((await register(object({}, { $id }))).status).toBe(201)
    expect((await register(object({ a: {} }, { $id }))).status).toBe(201)
    expect((await register(object({ a: { type: 'x' } }, { $id }))).status).toBe(400)
  })
})

describe('the list', () => {
  const register = (name: string, more: object = {}) =>
    call('POST', '/register', { ...example, name, ...more })
  const ids = (page: { items: Registration[] }) => page.items.map(({ id }) => id)

  test('is sorted by type and name and paged by an opaque cursor', async () => {
    for (const name of ['c', 'a', 'b']) {
      await register(name)
      await register(name, { type: 'prompt' })
    }
    await register('z', { type: 'resource', uri: 'notes://today' })
    const all = ['tool-a', 'tool-b', 'tool-c', 'resource-z', 'prompt-a', 'prompt-b', 'prompt-c']
    const whole = await call('GET', '/register')
    expect(whole.status).toBe(200)
    expect(whole.body).not.toHaveProperty('nextCursor')
    expect(ids(whole.body)).toEqual(all)
    expect(ids((await call('GET', '/register?type=prompt')).body)).toEqual(all.slice(4))

    for (const limit of [1, 2, 3, 7]) {
      const found: string[] = []
      let cursor: string | undefined
      do {
        const page = await call(
          'GET',
          `/register?limit=${limit}${cursor ? `&cursor=${cursor}` : ''}`,
        )
        expect(page.body.items.length).toBeLessThanOrEqual(limit)
        found.push(...ids(page.body))
        cursor = page.body.nextCursor
      } while (cursor)
      expect(found).toEqual(all)
    }
  })

  test('continues after a registration that was deleted', async () => {
    for (const name of ['a', 'b', 'c']) await register(name)
    const { body } = await call('GET', '/register?limit=2')
    await call('DELETE', '/register/tool-b')
    expect(ids((await call('GET', `/register?cursor=${body.nextCursor}`)).body)).toEqual(['tool-c'])
  })

  test('has pages that fit into a Lambda response', async () => {
    const names = Array.from({ length: 16 }, (_, n) => `n${String(n).padStart(2, '0')}`)
    for (const name of names) await register(name, { description: 'x'.repeat(390_000) })
    const first = await call('GET', '/register?limit=1000')
    expect(JSON.stringify(first.body).length).toBeLessThan(6 * 1024 * 1024)
    const second = await call('GET', `/register?limit=1000&cursor=${first.body.nextCursor}`)
    expect(second.body).not.toHaveProperty('nextCursor')
    expect([...ids(first.body), ...ids(second.body)]).toEqual(names.map(name => `tool-${name}`))
  })

  test.each([
    'type=function',
    'type=',
    'limit=0',
    'limit=1001',
    'limit=-1',
    'limit=1.5',
    'limit=ten',
    'limit=',
    'cursor=',
    'cursor=tool-a',
    'cursor=%00',
    `cursor=${Buffer.from('#catalogue-revision').toString('base64url')}`,
    `type=prompt&cursor=${Buffer.from('tool-a').toString('base64url')}`,
  ])('is refused with the query %s', async query => {
    expect(await call('GET', `/register?${query}`)).toMatchObject({
      status: 400,
      body: { error: { code: 'bad_request' } },
    })
  })
})

import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'

import type { SendOperation } from '../../src/dynamodb/dynamodb.ts'
import type { InvokePermissions } from '../../src/registration/invoke-permission/permissions.ts'
import { dynamoRegistry } from '../../src/registry/dynamo.ts'
import { type Emulator, startDynamo } from '../support/dynamodb.ts'
import { OWN_FUNCTIONS, registrationUrl } from '../support/registration-url.ts'

const ARN = 'arn:aws:lambda:eu-central-1:123456789012:function:a'
const NEXT = `${ARN}-next`
const tool = { type: 'tool', name: 'a', description: 'A', lambdaArn: ARN, parameters: {} }
const JSON_TYPE = { 'content-type': 'application/json' }

let emulator: Emulator
let call: ReturnType<typeof registrationUrl>
let writes: string[]
let grants: string[]

const counted = (send: SendOperation): SendOperation => {
  return (operation, input) => {
    if (operation !== 'GetItem' && operation !== 'Query') writes.push(operation)
    return send(operation, input)
  }
}
const permissions: InvokePermissions = {
  grant: async lambdaArn => {
    grants.push(lambdaArn)
    return { state: 'ready' }
  },
  check: async lambdaArn => ({ status: { state: 'ready' }, grants: lambdaArn === NEXT }),
  revoke: async () => undefined,
  status: async () => ({ state: 'ready' }),
}

beforeAll(async () => {
  emulator = await startDynamo()
})
afterAll(() => emulator.close())

beforeEach(async () => {
  // A table of its own for each test, in the same process.
  const { tables } = await startDynamo()
  writes = []
  grants = []
  call = registrationUrl(
    { ...emulator, tables, dynamo: () => emulator.dynamo(counted) },
    permissions,
  )
  vi.spyOn(console, 'info').mockImplementation(() => {})
  return () => vi.restoreAllMocks()
})

const put = (body: object, more: Record<string, string> = {}, query = '') =>
  call('PUT', `/register/tool-a${query}`, body, { ...JSON_TYPE, ...more })
const version = async (id = 'tool-a') => (await call('GET', `/register/${id}`)).body.version
const batch = (changes: unknown[], query = '') =>
  call('POST', `/register:batch${query}`, { changes })

describe('PUT', () => {
  test('creates, replaces, and leaves equal content alone', async () => {
    expect(await put(tool)).toMatchObject({ status: 201, body: { version: 1, change: 'created' } })
    expect(await put({ ...tool, title: 'T', icons: [] })).toMatchObject({
      status: 200,
      body: { version: 2, change: 'updated' },
    })
    writes = []
    grants = []
    const { description, ...rest } = tool
    expect(await put({ title: 'T', ...rest, description, _meta: {} })).toMatchObject({
      status: 200,
      headers: { etag: '"2"' },
      body: { version: 2, change: 'unchanged' },
    })
    expect(writes).toEqual([])
    // The grant is checked, and repaired where it is missing.
    expect(grants).toEqual([ARN])
  })

  test('with If-None-Match creates only, with If-Match replaces only', async () => {
    expect((await put(tool, { 'if-match': '*' })).status).toBe(412)
    expect((await put(tool, { 'if-match': '"1"' })).body.error).toMatchObject({
      code: 'version_mismatch',
      message: expect.stringContaining('not registered'),
    })
    expect((await put(tool, { 'if-none-match': '*' })).status).toBe(201)
    expect((await put(tool, { 'if-none-match': '*' })).body.error).toMatchObject({
      code: 'version_mismatch',
      message: expect.stringContaining('exists already'),
    })
    expect((await put({ ...tool, title: 'T' }, { 'if-match': '"1"' })).status).toBe(200)
    expect((await put({ ...tool, title: 'U' }, { 'if-match': '"1"' })).status).toBe(412)
    const wrong: Record<string, string>[] = [
      { 'if-none-match': '"1"' },
      { 'if-none-match': '*', 'if-match': '"1"' },
    ]
    for (const headers of wrong) expect((await put(tool, headers)).status).toBe(400)
    expect(await version()).toBe(2)
  })

  test('keeps the label of the owner, and refuses one that is none', async () => {
    expect((await put({ ...tool, owner: 'github:acme/tools' })).body.owner).toBe(
      'github:acme/tools',
    )
    for (const owner of ['', '-a', 'a b', 'x'.repeat(129), 1])
      expect((await put({ ...tool, owner })).body.error.issues[0].path).toBe('/owner')
  })
})

describe('dryRun=true', () => {
  test('says what a write would do, runs every check and writes nothing', async () => {
    const dry = (body: object, more = {}) => put(body, more, '?dryRun=true')
    expect(await dry(tool)).toMatchObject({
      status: 200,
      body: { change: 'created', dryRun: true, version: 1, status: { state: 'ready' } },
    })
    expect(writes).toEqual([])
    await put(tool)
    writes = []
    const changed = { ...tool, lambdaArn: NEXT, title: 'T', parameters: { city: 'string' } }
    expect((await dry(changed)).body).toMatchObject({
      change: 'updated',
      version: 2,
      grants: true,
      changes: [
        { path: '/lambdaArn', from: ARN, to: NEXT },
        { path: '/inputSchema/properties/city', to: { type: 'string' } },
        { path: '/inputSchema/required', to: ['city'] },
        { path: '/title', to: 'T' },
      ],
    })
    // An ETag names a version that is stored.
    expect((await dry(changed)).headers).not.toHaveProperty('etag')
    expect(await dry(tool)).toMatchObject({
      headers: { etag: '"1"' },
      body: { change: 'unchanged' },
    })
    expect((await dry(tool, { 'if-match': '"7"' })).status).toBe(412)
    expect((await dry({ ...tool, lambdaArn: OWN_FUNCTIONS[0] })).status).toBe(400)
    expect((await put(tool, {}, '?dryRun=yes')).status).toBe(400)
    expect(
      (await call('POST', '/register?dryRun=true', { ...tool, name: 'b' })).body,
    ).toMatchObject({
      id: 'tool-b',
      change: 'created',
    })
    expect((await call('POST', '/register?dryRun=true', tool)).status).toBe(409)
    expect((await call('DELETE', '/register/tool-a?dryRun=true')).body).toMatchObject({
      change: 'deleted',
      dryRun: true,
    })
    expect((await call('DELETE', '/register/tool-b?dryRun=true')).status).toBe(404)
    expect((await call('POST', '/register/tool-a/repair?dryRun=true')).body.dryRun).toBe(true)
    expect(await batch([{ put: changed }, { delete: 'tool-b' }], '?dryRun=true')).toMatchObject({
      status: 200,
      body: {
        dryRun: true,
        results: [
          { id: 'tool-a', change: 'updated', version: 1, grants: true },
          { id: 'tool-b', change: 'unchanged' },
        ],
      },
    })
    expect([writes, grants.filter(it => it === NEXT)]).toEqual([[], []])
  })
})

describe('a batch', () => {
  test('creates, updates and deletes, and grants each function once', async () => {
    await put(tool)
    await put({ ...tool, name: 'x' })
    await call('POST', '/register', { ...tool, name: 'old' })
    grants = []
    const many = Array.from({ length: 20 }, (_, n) => ({ put: { ...tool, name: `n${n}` } }))
    const { status, body } = await batch([
      { put: { ...tool, title: 'T' }, ifMatch: 1 },
      { delete: 'tool-old', ifMatch: '*' },
      ...many,
    ])
    expect(status).toBe(200)
    expect(body.results.slice(0, 3)).toMatchObject([
      { id: 'tool-a', change: 'updated', version: 2, status: { state: 'ready' } },
      { id: 'tool-old', change: 'deleted' },
      { id: 'tool-n0', change: 'created', version: 1 },
    ])
    expect(body.results).toHaveLength(22)
    // The second one is from the deletion: others need the permission.
    expect(grants).toEqual([ARN, ARN])
    writes = []
    const again = await batch([{ put: { ...tool, title: 'T' }, ifMatch: 1 }, ...many])
    expect(new Set(again.body.results.map((it: { change: string }) => it.change))).toEqual(
      new Set(['unchanged']),
    )
    expect(writes).toEqual([])
  })

  test('with one wrong change writes none, and names the place', async () => {
    await put(tool)
    const wrong: [unknown[], number, string][] = [
      [
        [{ put: tool }, { put: { ...tool, name: 'b', lambdaArn: 'x' } }],
        400,
        '/changes/1/put/lambdaArn',
      ],
      [[{ put: { ...tool, title: 'T' }, ifMatch: 4 }], 412, '/changes/0'],
      [[{ put: { ...tool, title: 'T' }, ifNoneMatch: '*' }], 412, '/changes/0'],
      [[{ delete: 'tool-a', ifMatch: 4 }], 412, '/changes/0'],
      [[{ put: { ...tool, name: 'b' } }, { delete: 'tool-b' }], 400, '/changes/1'],
      [[{}], 400, '/changes/0'],
      [[{ put: tool, delete: 'tool-a' }], 400, '/changes/0'],
      [[{ put: tool, force: true }], 400, '/changes/0'],
      [[{ put: tool, ifMatch: '1' }], 400, '/changes/0'],
      [[{ put: { ...tool, lambdaArn: OWN_FUNCTIONS[1] } }], 400, '/changes/0/put/lambdaArn'],
    ]
    writes = []
    for (const [changes, status, path] of wrong) {
      const response = await batch([{ put: { ...tool, name: 'ok' } }, ...changes])
      expect([response.status, response.body.error.issues[0].path]).toEqual([
        status,
        path.replace(/\d/, at => String(Number(at) + 1)),
      ])
      expect(response.body.error.message).toContain('Nothing was changed')
    }
    expect(writes).toEqual([])
  })

  test('names the place of a second change also after a change that is wrong', async () => {
    const b = { put: { ...tool, name: 'b' } }
    const { body } = await batch([{ put: { ...tool, lambdaArn: 'x' } }, b, b])
    expect(body.error.issues.map((it: { path: string }) => it.path)).toEqual([
      '/changes/0/put/lambdaArn',
      '/changes/2',
    ])
  })

  test('keeps the results of the others where a change fails in the gateway', async () => {
    vi.spyOn(console, 'error').mockImplementation(() => {})
    const { tables } = await startDynamo()
    let failing = ''
    const send = (send: SendOperation): SendOperation => {
      return async (operation, input) => {
        const text = JSON.stringify(input)
        if (failing !== '' && text.includes(failing)) throw new Error('the table is down')
        return send(operation, input)
      }
    }
    const at = { ...emulator, tables, dynamo: () => emulator.dynamo(send) }
    const url = registrationUrl(at, permissions)
    await url('PUT', '/register/tool-moved', { ...tool, name: 'moved' })
    const put = (name: string, lambdaArn = ARN) => ({ put: { ...tool, name, lambdaArn } })
    const run = async (...changes: object[]) =>
      (await url('POST', '/register:batch', { changes })).body.results
    const internal = { change: 'failed', error: { code: 'internal_error' } }
    failing = 'tool-bad'
    expect(await run(put('x'), put('bad'), put('y'))).toMatchObject([
      { change: 'created', status: { state: 'ready' } },
      internal,
      { change: 'created' },
    ])
    // The note of a revocation cannot be stored, so the registration stays as it is.
    failing = '#revocation'
    expect(await run(put('moved', NEXT), put('z'))).toMatchObject([internal, { change: 'created' }])
    failing = ''
    expect(await run(put('bad'), put('moved', NEXT), put('x'))).toMatchObject([
      { change: 'created' },
      { change: 'updated' },
      { change: 'unchanged' },
    ])
  })

  test('says which permissions it has not revoked yet, and revokes them when it is sent again', async () => {
    vi.spyOn(console, 'error').mockImplementation(() => {})
    vi.spyOn(console, 'warn').mockImplementation(() => {})
    let left = 120_000
    let failing = ''
    let afterGrant = () => {}
    const revoked: string[] = []
    const { tables } = await startDynamo()
    const send = (send: SendOperation): SendOperation => {
      return async (operation, input) => {
        if (failing !== '' && JSON.stringify(input).includes(failing))
          throw new Error('the table is down')
        return send(operation, input)
      }
    }
    const url = registrationUrl(
      { ...emulator, tables, dynamo: () => emulator.dynamo(send) },
      {
        ...permissions,
        async grant() {
          afterGrant()
          return { state: 'ready' }
        },
        async revoke(lambdaArn) {
          revoked.push(lambdaArn)
          return undefined
        },
      },
      undefined,
      () => left,
    )
    const run = async (lambdaArn: string) => {
      const changes = [{ put: { ...tool, lambdaArn } }]
      return (await url('POST', '/register:batch', { changes })).body.results[0]
    }
    const notYet = { change: 'updated', warnings: [expect.stringContaining('not revoked yet')] }
    await run(ARN)
    // The time of the call is nearly over.
    afterGrant = () => {
      left = 7_000
    }
    expect(await run(NEXT)).toMatchObject(notYet)
    expect(revoked).toEqual([])
    left = 120_000
    afterGrant = () => {}
    expect(await run(NEXT)).toMatchObject({ change: 'unchanged' })
    expect(revoked).toEqual([ARN])
    // The table fails after the write.
    afterGrant = () => {
      failing = '#revocation'
    }
    expect(await run(ARN)).toMatchObject(notYet)
  })

  test('begins no further reads after one that has failed', async () => {
    vi.spyOn(console, 'error').mockImplementation(() => {})
    let reads = 0
    const send = (): SendOperation => async () => {
      reads++
      throw new Error('the table is down')
    }
    const url = registrationUrl({ ...emulator, dynamo: () => emulator.dynamo(send) })
    const changes = Array.from({ length: 100 }, (_, n) => ({ put: { ...tool, name: `n${n}` } }))
    expect((await url('POST', '/register:batch', { changes })).status).toBe(500)
    expect(reads).toBeLessThanOrEqual(10)
  })

  test('has at most 100 changes and 5 MB', async () => {
    const many = Array.from({ length: 101 }, (_, n) => ({ put: { ...tool, name: `n${n}` } }))
    expect((await batch(many)).body.error.code).toBe('payload_too_large')
    const large = Array.from({ length: 14 }, (_, n) => ({
      put: { ...tool, name: `n${n}`, description: 'x'.repeat(380_000) },
    }))
    expect((await batch(large)).status).toBe(413)
    expect((await batch([])).status).toBe(400)
    expect((await call('GET', '/register:batch')).status).toBe(405)
  })

  test('takes a change that an earlier attempt makes at the same time as done', async () => {
    const { tables } = await startDynamo()
    const changes = [
      { put: { ...tool, title: 'T' }, ifMatch: 1 },
      { put: { ...tool, name: 'new' }, ifNoneMatch: '*' },
      { delete: 'tool-old', ifMatch: 1 },
    ]
    let earlier: Promise<unknown> | undefined
    const racing = (send: SendOperation): SendOperation => {
      return async (operation, input) => {
        const isWrite = operation === 'PutItem' || operation === 'DeleteItem'
        if (isWrite) earlier ??= other('POST', '/register:batch', { changes })
        if (isWrite) await earlier
        return send(operation, input)
      }
    }
    const url = registrationUrl({ ...emulator, tables, dynamo: () => emulator.dynamo(racing) })
    const other = registrationUrl({ ...emulator, tables })
    await other('PUT', '/register/tool-a', tool)
    await other('PUT', '/register/tool-old', { ...tool, name: 'old' })
    const { body } = await url('POST', '/register:batch', { changes })
    expect(body.results).toMatchObject([
      { id: 'tool-a', change: 'unchanged', version: 2, status: { state: 'ready' } },
      { id: 'tool-new', change: 'unchanged', version: 1 },
      { id: 'tool-old', change: 'unchanged' },
    ])
  })

  test('names the registration that is too large for the table', async () => {
    const { status, body } = await batch([
      { put: tool },
      { put: { ...tool, name: 'large', description: 'x'.repeat(400_001) } },
    ])
    expect([status, body.error.code]).toEqual([413, 'payload_too_large'])
    expect(body.error.message).toMatch(/^"tool-large" has 4\d{5} bytes/)
  })

  test('checks no further functions in a dry run when its time is over', async () => {
    let left = 120_000
    const checked: string[] = []
    const url = registrationUrl(
      emulator,
      {
        ...permissions,
        async check(lambdaArn) {
          checked.push(lambdaArn)
          left = 14_000
          return { status: { state: 'ready' }, grants: true }
        },
      },
      undefined,
      () => left,
      async () => expect.fail('the configuration was read'),
    )
    const changes = Array.from({ length: 10 }, (_, n) => ({
      put: { ...tool, name: `n${n}`, lambdaArn: `${ARN}-${n}` },
    }))
    const { status, body } = await url('POST', '/register:batch?dryRun=true', { changes })
    expect([status, body.results.length]).toEqual([200, 10])
    expect(checked.length).toBeLessThanOrEqual(3)
    expect(body.results.at(-1)).toMatchObject({
      change: 'created',
      status: { state: 'unknown', message: expect.stringContaining('Try again') },
    })
  })

  test('reports the one change that another writer was quicker with', async () => {
    await put(tool)
    const { tables } = await startDynamo()
    let raced = false
    const racing = (send: SendOperation): SendOperation => {
      return async (operation, input) => {
        const isRow = operation === 'PutItem' && JSON.stringify(input).includes('ours')
        if (isRow && !raced) {
          raced = true
          await other('PUT', '/register/tool-a', { ...tool, title: 'theirs' })
        }
        return send(operation, input)
      }
    }
    const url = registrationUrl({ ...emulator, tables, dynamo: () => emulator.dynamo(racing) })
    const other = registrationUrl({ ...emulator, tables })
    await other('PUT', '/register/tool-a', tool)
    const { body } = await url('POST', '/register:batch', {
      changes: [
        { put: { ...tool, title: 'ours' }, ifMatch: 1 },
        { put: { ...tool, name: 'b' }, ifNoneMatch: '*' },
      ],
    })
    expect(body.results).toMatchObject([
      { id: 'tool-a', change: 'failed', error: { code: 'version_mismatch' } },
      { id: 'tool-b', change: 'created' },
    ])
    const registry = dynamoRegistry(emulator.dynamo(), tables.RegistrationTable)
    expect(await registry.get({ type: 'tool', name: 'a' })).toMatchObject({ title: 'theirs' })
  })
})

import { LambdaClient } from '@aws-sdk/client-lambda'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { dynamoRevocations } from '../../src/registration/invoke-permission/dynamo-revocations.ts'
import { resourcePolicyPermissions } from '../../src/registration/invoke-permission/resource-policy.ts'
import { sharedFixture } from '../local/fixture.ts'
import { type Emulator, startDynamo } from '../support/dynamodb.ts'
import { type Call, startEdge } from '../support/faulty-network.ts'
import { policiesOf } from '../support/policies.ts'
import { registrationUrl } from '../support/registration-url.ts'

const ARN = 'arn:aws:lambda:us-east-1:000000000000:function:buffered'
const NEXT = 'arn:aws:lambda:us-east-1:000000000000:function:streaming'
const ROLE = 'arn:aws:iam::000000000000:role/gateway'
const a = { type: 'tool', name: 'a', description: 'A', lambdaArn: ARN }
const b = { ...a, name: 'b' }

let emulator: Emulator
let edge: Awaited<ReturnType<typeof startEdge>>
let policies: ReturnType<typeof policiesOf>
/** Two environments of the registration function. */
let one: ReturnType<typeof registrationUrl>
let two: ReturnType<typeof registrationUrl>

beforeEach(async () => {
  // Failures to revoke are logged too.
  vi.spyOn(console, 'warn').mockImplementation(() => {})
  emulator = await startDynamo()
  const fixture = await sharedFixture()
  const { lambdaUrl, region, credentials } = fixture
  edge = await startEdge(lambdaUrl)
  policies = policiesOf(fixture)
  await policies.clear(ARN, NEXT, `${ARN}:live`)
  const environment = () => {
    const client = new LambdaClient({ endpoint: edge.url, region, credentials, maxAttempts: 1 })
    return registrationUrl(
      emulator,
      resourcePolicyPermissions(() => client, ROLE),
    )
  }
  one = environment()
  two = environment()
  return async () => {
    vi.restoreAllMocks()
    await edge.close()
    await emulator.close()
  }
})

const granted = async (arn = ARN) => (await policies.statements(arn)).length

const open = () =>
  dynamoRevocations(emulator.dynamo(), emulator.tables.RegistrationTable).open(['tool-a'])

/**
 * Holds the first call of this operation on the network until `release`. `reached` resolves when it
 * is held.
 */
function hold(operation: Call['operation'], at: 'before' | 'after' = 'before') {
  let release = () => {}
  let reach = () => {}
  const released = new Promise<void>(resolve => {
    release = resolve
  })
  const reached = new Promise<void>(resolve => {
    reach = resolve
  })
  let held = false
  edge.hook = async (call, when) => {
    if (call.operation !== operation || when !== at || held) return undefined
    held = true
    reach()
    await released
    return undefined
  }
  return { reached, release }
}

/** Lambda refuses this operation until `mend` is called. */
function breaks(operation: Call['operation'], status = 500, type = 'ServiceException') {
  edge.hook = call =>
    call.operation === operation ? { status, type, body: { message: 'broken' } } : undefined
  return {
    mend() {
      edge.hook = () => undefined
    },
  }
}

describe('the statement of a function', () => {
  test('is added with its first registration and removed with its last', async () => {
    const names = Array.from({ length: 20 }, (_, n) => `n${n}`)
    for (const name of names) {
      const created = await one('POST', '/register', { ...a, name })
      expect(created).toMatchObject({ status: 201, body: { status: { state: 'ready' } } })
    }
    const resource = { ...a, type: 'resource', uri: 'notes://today' }
    await two('POST', '/register', resource)
    expect(await granted()).toBe(1)
    for (const name of names)
      expect(await two('DELETE', `/register/tool-${name}`)).toMatchObject({ status: 204 })
    expect(await granted()).toBe(1)
    await one('DELETE', '/register/resource-a')
    expect(await granted()).toBe(0)
    expect(await open()).toEqual([])
  })

  test('has its status in every response except lists', async () => {
    const { body } = await one('POST', '/register', { ...a, parameters: {} })
    expect(body.status).toEqual({ state: 'ready' })
    expect({ ...(await two('GET', '/register/tool-a')).body, change: 'created' }).toEqual(body)
    const { body: put } = await two('PUT', '/register/tool-a', { ...body, title: 'T' })
    expect(put).toMatchObject({ version: 2, title: 'T', status: { state: 'ready' } })
    expect((await one('GET', '/register')).body.items[0]).not.toHaveProperty('status')
  })

  test('moves with the registration, and the old one is kept for the grace period', async () => {
    await one('POST', '/register', a)
    const at: Record<string, number> = {}
    edge.hook = ({ operation, resource }) => {
      at[`${operation} ${resource.split(':').at(-1)}`] = Date.now()
      return undefined
    }
    const moved = { ...a, parameters: {}, lambdaArn: NEXT }
    const { body } = await one('PUT', '/register/tool-a', moved)
    expect(body).toMatchObject({ lambdaArn: NEXT, status: { state: 'ready' } })
    expect(body).not.toHaveProperty('warnings')
    expect([await granted(), await granted(NEXT)]).toEqual([0, 1])
    // An environment of the gateway that has not read the change yet may still invoke the old
    // function.
    const grace = (at['RemovePermission buffered'] ?? 0) - (at['AddPermission streaming'] ?? 0)
    expect(grace).toBeGreaterThan(1_900)
    expect(await open()).toEqual([])
  })

  test('stays when one of several registrations moves, and the call does not wait', async () => {
    await one('POST', '/register', a)
    await one('POST', '/register', b)
    edge.calls.length = 0
    await one('PUT', '/register/tool-a', { ...a, lambdaArn: `${ARN}:live` })
    expect([await granted(), await granted(`${ARN}:live`)]).toEqual([1, 1])
    expect(edge.calls.map(({ operation }) => operation)).not.toContain('RemovePermission')
  })

  test('is that of the unqualified function for $LATEST', async () => {
    const { body } = await one('POST', '/register', { ...a, lambdaArn: `${ARN}:$LATEST` })
    expect(body).toMatchObject({ lambdaArn: ARN, status: { state: 'ready' } })
    expect(await granted()).toBe(1)
  })

  test('is missing for a function that does not exist yet, and the next PUT adds it', async () => {
    const lambdaArn = ARN.replace('buffered', 'later')
    const created = await one('POST', '/register', { ...a, lambdaArn })
    expect(created).toMatchObject({
      status: 201,
      body: { status: { state: 'function_not_found' } },
    })
    expect((await one('GET', '/register/tool-a')).body.status.state).toBe('missing')
    const put = await one('PUT', '/register/tool-a', a)
    expect(put).toMatchObject({ status: 200, body: { status: { state: 'ready' } } })
  })
})

describe('two concurrent calls', () => {
  test('a registration that is created while another one of its function is deleted keeps the permission', async () => {
    await one('POST', '/register', a)
    const { reached, release } = hold('RemovePermission')
    const deleted = one('DELETE', '/register/tool-a')
    await reached
    expect((await two('POST', '/register', b)).body.status).toEqual({ state: 'ready' })
    release()
    expect(await deleted).toMatchObject({ status: 204 })
    expect(await granted()).toBe(1)
    expect((await two('GET', '/register/tool-b')).body.status).toEqual({ state: 'ready' })
  })

  test('a registration that is deleted while it is created leaves no permission behind', async () => {
    const { reached, release } = hold('AddPermission')
    const created = one('POST', '/register', a)
    await reached
    expect(await two('DELETE', '/register/tool-a')).toMatchObject({ status: 204 })
    release()
    await created
    expect(await granted()).toBe(0)
  })

  test('a registration that gets another function while it is created leaves no permission behind', async () => {
    const { reached, release } = hold('AddPermission')
    const created = one('POST', '/register', a)
    await reached
    await two('PUT', '/register/tool-a', { ...a, lambdaArn: NEXT })
    release()
    await created
    expect([await granted(), await granted(NEXT)]).toEqual([0, 1])
  })

  test('a permission that is granted again for a registration that is deleted meanwhile is revoked', async () => {
    await one('POST', '/register', a)
    const first = hold('RemovePermission')
    const deletedA = one('DELETE', '/register/tool-a')
    await first.reached
    await two('POST', '/register', b)
    const second = hold('AddPermission')
    first.release()
    await second.reached
    await two('DELETE', '/register/tool-b')
    second.release()
    expect(await deletedA).toMatchObject({ status: 204 })
    expect(await granted()).toBe(0)
  })

  test('deleting the last two registrations at once revokes the permission', async () => {
    for (let n = 0; n < 5; n++) {
      await one('POST', '/register', a)
      await two('POST', '/register', b)
      await Promise.all([one('DELETE', '/register/tool-a'), two('DELETE', '/register/tool-b')])
      expect(await granted()).toBe(0)
      expect(await open()).toEqual([])
    }
  })

  test('a refused change of the function revokes nothing', async () => {
    for (let n = 0; n < 3; n++) {
      await one('POST', '/register', a)
      const [moved, put] = await Promise.all([
        one('PUT', '/register/tool-a', { ...a, lambdaArn: NEXT }),
        two('PUT', '/register/tool-a', { ...a, title: String(n) }),
      ])
      expect([moved.status, put.status].toSorted()).toEqual([200, 409])
      expect(await granted()).toBe(moved.status === 200 ? 0 : 1)
      expect(await open()).toEqual([])
      await one('DELETE', '/register/tool-a')
    }
  })

  test('a refused write revokes nothing', async () => {
    for (let n = 0; n < 5; n++) {
      await one('POST', '/register', a)
      const [put, deleted] = await Promise.all([
        one('PUT', '/register/tool-a', { ...a, title: String(n) }),
        two('DELETE', '/register/tool-a'),
      ])
      const outcome = [put.status, deleted.status]
      expect([
        [200, 409],
        [409, 204],
        [404, 204],
        [200, 204],
      ]).toContainEqual(outcome)
      expect(await granted()).toBe(deleted.status === 204 ? 0 : 1)
      expect(await open()).toEqual([])
      await one('DELETE', '/register/tool-a')
    }
  })
})

describe('when Lambda fails', () => {
  test('a registration has no permission until repair or the next PUT', async () => {
    const { mend } = breaks('AddPermission')
    const created = await one('POST', '/register', a)
    expect(created).toMatchObject({ status: 201, body: { status: { state: 'unknown' } } })
    expect((await one('GET', '/register/tool-a')).body.status.state).toBe('missing')
    mend()
    expect(await two('POST', '/register/tool-a/repair')).toMatchObject({
      status: 200,
      headers: { etag: '"1"' },
      body: { id: 'tool-a', version: 1, status: { state: 'ready' } },
    })
    expect(await granted()).toBe(1)
  })

  test('a permission that could not be revoked is a warning, and a later call revokes it', async () => {
    await one('POST', '/register', a)
    const { mend } = breaks('RemovePermission')
    const deleted = await one('DELETE', '/register/tool-a')
    expect(deleted).toMatchObject({
      status: 200,
      body: { warnings: [expect.stringContaining('aws lambda remove-permission')] },
    })
    expect((await one('GET', '/register/tool-a')).status).toBe(404)
    expect(await open()).toMatchObject([{ registration: 'tool-a', lambdaArn: ARN }])
    // Lambda still fails, and the call itself is not affected.
    expect((await two('DELETE', '/register/tool-a')).status).toBe(404)
    mend()
    expect(await granted()).toBe(1)
    expect((await two('DELETE', '/register/tool-a')).status).toBe(404)
    expect(await granted()).toBe(0)
    expect(await open()).toEqual([])
  })

  test('a call for another registration finishes a revocation whose own call is certainly over', async () => {
    await one('POST', '/register', a)
    const { mend } = breaks('RemovePermission')
    const moved = await one('PUT', '/register/tool-a', { ...a, parameters: {}, lambdaArn: NEXT })
    expect(moved).toMatchObject({
      status: 200,
      body: { status: { state: 'ready' }, warnings: [expect.stringContaining(ARN)] },
    })
    mend()
    await two('POST', '/register', { ...b, lambdaArn: NEXT })
    expect(await granted()).toBe(1)
    vi.useFakeTimers({ now: Date.now() + 241_000, toFake: ['Date'] })
    await two('POST', '/register/tool-b/repair').finally(() => vi.useRealTimers())
    expect(await granted()).toBe(0)
    expect(await open()).toEqual([])
  })

  test('a batch finishes the revocations of registrations that are unchanged', async () => {
    const changes = [b, a].map(it => ({ put: { ...it, parameters: {}, lambdaArn: NEXT } }))
    await one('POST', '/register', a)
    const { mend } = breaks('RemovePermission')
    const first = await one('POST', '/register:batch', { changes })
    expect(first.body.results[1]).toMatchObject({ warnings: [expect.stringContaining(ARN)] })
    mend()
    const planned = await two('POST', '/register:batch?dryRun=true', { changes })
    expect(planned.body.results.map((it: { revokes?: true }) => it.revokes)).toEqual([
      undefined,
      true,
    ])
    expect(await granted()).toBe(1)
    const again = await two('POST', '/register:batch', { changes })
    expect(again.body.results).toMatchObject([{ change: 'unchanged' }, { change: 'unchanged' }])
    expect(await granted()).toBe(0)
    expect(await open()).toEqual([])
  })

  test('a permanent failure to revoke is a warning once', async () => {
    await one('POST', '/register', a)
    breaks('RemovePermission', 403, 'AccessDeniedException')
    expect((await one('DELETE', '/register/tool-a')).body.warnings).toHaveLength(1)
    expect(await open()).toEqual([])
  })

  test('a function of another account needs commands on both sides, and Lambda is not called', async () => {
    const lambdaArn = ARN.replace('000000000000', '111111111111')
    const created = await one('POST', '/register', { ...a, lambdaArn })
    expect(created).toMatchObject({ status: 201, body: { status: { state: 'other_account' } } })
    const deleted = await one('DELETE', '/register/tool-a')
    expect(deleted.body.warnings).toEqual([expect.stringContaining('is in another account')])
    expect(edge.calls).toEqual([])
  })
})

test('repair of an unknown id or path gets 404', async () => {
  expect((await one('POST', '/register/tool-a/repair')).status).toBe(404)
  expect((await one('POST', '/register/tool-a/constructor')).status).toBe(404)
  expect((await one('POST', '/register/tool-a/repair/now')).status).toBe(404)
  expect(await one('GET', '/register/tool-a/repair')).toMatchObject({
    status: 405,
    headers: { allow: 'POST' },
  })
})

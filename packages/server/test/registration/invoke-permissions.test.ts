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
  // What is left over is logged too.
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

const open = () => dynamoRevocations(emulator.client(), emulator.tables.RegistrationTable).open()

/** Holds the first call of this operation at the edge: `reached` when it is there, `release` lets it go on. */
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

/** Lambda breaks this call off, until `mended` is called. */
function breaks(operation: Call['operation'], status = 500, type = 'ServiceException') {
  edge.hook = call =>
    call.operation === operation ? { status, type, body: { message: 'broken' } } : undefined
  return {
    mended() {
      edge.hook = () => undefined
    },
  }
}

describe('the statement of a function', () => {
  test('comes with the first registration of it and goes with the last', async () => {
    const names = Array.from({ length: 20 }, (_, n) => `n${n}`)
    for (const name of names) {
      const made = await one('POST', '/register', { ...a, name })
      expect(made).toMatchObject({ status: 201, body: { status: { state: 'ready' } } })
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

  test('is answered with, except in lists', async () => {
    const { body } = await one('POST', '/register', a)
    expect(body.status).toEqual({ state: 'ready' })
    expect((await two('GET', '/register/tool-a')).body).toEqual(body)
    const { body: put } = await two('PUT', '/register/tool-a', { ...body, title: 'T' })
    expect(put).toMatchObject({ version: 2, title: 'T', status: { state: 'ready' } })
    expect((await one('GET', '/register')).body.items[0]).not.toHaveProperty('status')
  })

  test('moves with the registration, and the old one stays for a moment', async () => {
    await one('POST', '/register', a)
    const at: Record<string, number> = {}
    edge.hook = ({ operation, resource }) => {
      at[`${operation} ${resource.split(':').at(-1)}`] = Date.now()
      return undefined
    }
    const { body } = await one('PUT', '/register/tool-a', { ...a, lambdaArn: NEXT })
    expect(body).toMatchObject({ lambdaArn: NEXT, status: { state: 'ready' } })
    expect(body).not.toHaveProperty('warnings')
    expect([await granted(), await granted(NEXT)]).toEqual([0, 1])
    // What an environment of the gateway may not have read yet, it may still invoke.
    const grace = (at['RemovePermission buffered'] ?? 0) - (at['AddPermission streaming'] ?? 0)
    expect(grace).toBeGreaterThan(1_900)
    expect(await open()).toEqual([])
  })

  test('stays, and at once, when a registration moves that is not the only one', async () => {
    await one('POST', '/register', a)
    await one('POST', '/register', b)
    edge.calls.length = 0
    await one('PUT', '/register/tool-a', { ...a, lambdaArn: `${ARN}:live` })
    expect([await granted(), await granted(`${ARN}:live`)]).toEqual([1, 1])
    expect(edge.calls.map(({ operation }) => operation)).not.toContain('RemovePermission')
  })

  test('is that of the function for $LATEST, which has none', async () => {
    const { body } = await one('POST', '/register', { ...a, lambdaArn: `${ARN}:$LATEST` })
    expect(body).toMatchObject({ lambdaArn: ARN, status: { state: 'ready' } })
    expect(await granted()).toBe(1)
  })

  test('is not there for a function that is deployed later; repair puts it there', async () => {
    const lambdaArn = ARN.replace('buffered', 'later')
    const made = await one('POST', '/register', { ...a, lambdaArn })
    expect(made).toMatchObject({ status: 201, body: { status: { state: 'function_not_found' } } })
    expect((await one('GET', '/register/tool-a')).body.status.state).toBe('not_granted')
    const put = await one('PUT', '/register/tool-a', a)
    expect(put).toMatchObject({ status: 200, body: { status: { state: 'ready' } } })
  })
})

describe('two calls at once', () => {
  test('a registration made while another of its function is deleted keeps its right', async () => {
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

  test('a registration deleted while it is made leaves no right behind', async () => {
    const { reached, release } = hold('AddPermission')
    const made = one('POST', '/register', a)
    await reached
    expect(await two('DELETE', '/register/tool-a')).toMatchObject({ status: 204 })
    release()
    await made
    expect(await granted()).toBe(0)
  })

  test('a registration moved away while it is made leaves no right behind', async () => {
    const { reached, release } = hold('AddPermission')
    const made = one('POST', '/register', a)
    await reached
    await two('PUT', '/register/tool-a', { ...a, lambdaArn: NEXT })
    release()
    await made
    expect([await granted(), await granted(NEXT)]).toEqual([0, 1])
  })

  test('a right given back to a registration that is deleted meanwhile is taken again', async () => {
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

  test('the last two registrations, deleted together, take the right along', async () => {
    for (let n = 0; n < 5; n++) {
      await one('POST', '/register', a)
      await two('POST', '/register', b)
      await Promise.all([one('DELETE', '/register/tool-a'), two('DELETE', '/register/tool-b')])
      expect(await granted()).toBe(0)
      expect(await open()).toEqual([])
    }
  })

  test('a move that loses takes nothing away', async () => {
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

  test('a write that loses takes nothing away', async () => {
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

describe('what Lambda does not do', () => {
  test('a registration stands without its right, until repair or the next PUT', async () => {
    const { mended } = breaks('AddPermission')
    const made = await one('POST', '/register', a)
    expect(made).toMatchObject({ status: 201, body: { status: { state: 'unknown' } } })
    expect((await one('GET', '/register/tool-a')).body.status.state).toBe('not_granted')
    mended()
    expect(await two('POST', '/register/tool-a/repair')).toMatchObject({
      status: 200,
      headers: { etag: '"1"' },
      body: { id: 'tool-a', version: 1, status: { state: 'ready' } },
    })
    expect(await granted()).toBe(1)
  })

  test('a right that Lambda kept is told of, and taken by a later call', async () => {
    await one('POST', '/register', a)
    const { mended } = breaks('RemovePermission')
    const deleted = await one('DELETE', '/register/tool-a')
    expect(deleted).toMatchObject({
      status: 200,
      body: { warnings: [expect.stringContaining('aws lambda remove-permission')] },
    })
    expect((await one('GET', '/register/tool-a')).status).toBe(404)
    expect(await open()).toMatchObject([{ registration: 'tool-a', lambdaArn: ARN }])
    // Still broken: the call itself is none the worse for it.
    expect((await two('DELETE', '/register/tool-a')).status).toBe(404)
    mended()
    expect(await granted()).toBe(1)
    expect((await two('DELETE', '/register/tool-a')).status).toBe(404)
    expect(await granted()).toBe(0)
    expect(await open()).toEqual([])
  })

  test('so that another registration finishes it when it is certain that nobody else will', async () => {
    await one('POST', '/register', a)
    const { mended } = breaks('RemovePermission')
    const moved = await one('PUT', '/register/tool-a', { ...a, lambdaArn: NEXT })
    expect(moved).toMatchObject({
      status: 200,
      body: { status: { state: 'ready' }, warnings: [expect.stringContaining(ARN)] },
    })
    mended()
    await two('POST', '/register', { ...b, lambdaArn: NEXT })
    expect(await granted()).toBe(1)
    vi.useFakeTimers({ now: Date.now() + 61_000, toFake: ['Date'] })
    await two('POST', '/register/tool-b/repair').finally(() => vi.useRealTimers())
    expect(await granted()).toBe(0)
    expect(await open()).toEqual([])
  })

  test('a right that Lambda will not take is told of once', async () => {
    await one('POST', '/register', a)
    breaks('RemovePermission', 403, 'AccessDeniedException')
    expect((await one('DELETE', '/register/tool-a')).body.warnings).toHaveLength(1)
    expect(await open()).toEqual([])
  })

  test('a function of another account is left to its owner on both ways', async () => {
    const lambdaArn = ARN.replace('000000000000', '111111111111')
    const made = await one('POST', '/register', { ...a, lambdaArn })
    expect(made).toMatchObject({ status: 201, body: { status: { state: 'other_account' } } })
    const deleted = await one('DELETE', '/register/tool-a')
    expect(deleted.body.warnings).toEqual([expect.stringContaining('is in another account')])
    expect(edge.calls).toEqual([])
  })
})

test('repair of what is not registered is 404, and of what is no path too', async () => {
  expect((await one('POST', '/register/tool-a/repair')).status).toBe(404)
  expect((await one('POST', '/register/tool-a/constructor')).status).toBe(404)
  expect((await one('POST', '/register/tool-a/repair/now')).status).toBe(404)
  expect(await one('GET', '/register/tool-a/repair')).toMatchObject({
    status: 405,
    headers: { allow: 'POST' },
  })
})

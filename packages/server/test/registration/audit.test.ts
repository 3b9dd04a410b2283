import { beforeEach, expect, test, vi } from 'vitest'

import { dynamoRegistry } from '../../src/registry/dynamo.ts'
import { type Emulator, startDynamo } from '../support/dynamodb.ts'
import { registrationUrl } from '../support/registration-url.ts'

const ANN = 'arn:aws:iam::123456789012:user/ann'
const BOB = 'arn:aws:sts::123456789012:assumed-role/pipeline/bob'
const ARN = 'arn:aws:lambda:eu-central-1:123456789012:function:example'
const tool = {
  type: 'tool',
  name: 'a',
  description: 'the secret of the description',
  lambdaArn: ARN,
  parameters: { b: 'string' },
}

let emulator: Emulator
let ann: ReturnType<typeof registrationUrl>
let bob: ReturnType<typeof registrationUrl>
let entries: Record<string, unknown>[]

beforeEach(async () => {
  emulator = await startDynamo()
  ann = registrationUrl(emulator, undefined, ANN)
  bob = registrationUrl(emulator, undefined, BOB)
  entries = []
  vi.spyOn(console, 'info').mockImplementation(entry => void entries.push(entry))
  return async () => {
    vi.restoreAllMocks()
    await emulator.close()
  }
})

test('a registration names its first and its last writer', async () => {
  const created = await ann('POST', '/register', tool)
  expect(created.body).toMatchObject({ createdBy: ANN, updatedBy: ANN })
  const put = await bob('PUT', '/register/tool-a', { ...created.body, title: 'T', updatedBy: 'x' })
  expect(put.body).toMatchObject({ createdBy: ANN, updatedBy: BOB })
  expect((await ann('GET', '/register/tool-a')).body).toMatchObject({
    createdBy: ANN,
    updatedBy: BOB,
  })
})

test('each change of a registration writes one log entry: who, what, from and to', async () => {
  await ann('POST', '/register', tool)
  await bob('PUT', '/register/tool-a', { ...tool, lambdaArn: `${ARN}-2` })
  await bob('DELETE', '/register/tool-a')
  const digest = expect.stringMatching(/^[0-9a-f]{64}$/)
  const first = { version: 1, lambdaArn: ARN, digest }
  const second = { version: 2, lambdaArn: `${ARN}-2`, digest }
  const byBob = { caller: 'arn:aws:iam::123456789012:role/pipeline', sessionName: 'bob' }
  const change = { message: 'registration changed', item: 'tool-a', requestId: 'request-1' }
  expect(entries).toEqual([
    {
      ...change,
      action: 'create',
      caller: ANN,
      sessionName: undefined,
      from: undefined,
      to: first,
    },
    { ...change, action: 'replace', ...byBob, from: first, to: second },
    { ...change, action: 'delete', ...byBob, from: second, to: undefined },
  ])
  expect(JSON.stringify(entries)).not.toContain('secret')
})

test('the digests are equal where the content is, whatever the order of its fields', async () => {
  await ann('POST', '/register', { ...tool, _meta: { a: [{ b: 1, c: 2 }], d: 3 } })
  await bob('DELETE', '/register/tool-a')
  await bob('PUT', '/register/tool-a', { _meta: { d: 3, a: [{ c: 2, b: 1 }] }, ...tool })
  await bob('PUT', '/register/tool-a', { _meta: { d: 3, a: [{ c: 2, b: 2 }] }, ...tool })
  const [first, , second, third] = entries.map(({ to }) => (to as { digest: string })?.digest)
  expect(second).toBe(first)
  expect(third).not.toBe(first)
})

test('a request that changes nothing writes no entry', async () => {
  await ann('POST', '/register', tool)
  entries.length = 0
  await bob('GET', '/register/tool-a')
  await bob('GET', '/register')
  await bob('POST', '/register/tool-a/repair')
  expect((await bob('POST', '/register', tool)).status).toBe(409)
  expect((await bob('PUT', '/register/tool-a', tool)).body.change).toBe('unchanged')
  expect((await bob('PUT', '/register/tool-b?dryRun=true', { ...tool, name: 'b' })).status).toBe(
    200,
  )
  const stale = { 'content-type': 'application/json', 'if-match': '"7"' }
  expect((await bob('PUT', '/register/tool-a', tool, stale)).status).toBe(412)
  expect((await bob('DELETE', '/register/tool-a', undefined, stale)).status).toBe(412)
  expect(entries).toEqual([])
})

test('an entry of allow that is refused today is shown with a warning, and must be changed', async () => {
  const OLD = 'arn:aws:iam::123456789012:role/team/*'
  const { body } = await ann('POST', '/register', { ...tool, allow: [`${ANN}`] })
  const { status, warnings, ...stored } = body
  const registry = dynamoRegistry(emulator.dynamo(), emulator.tables.RegistrationTable)
  await registry.replace({ ...stored, version: 2, allow: [ANN, OLD] }, 1)
  const got = await bob('GET', '/register/tool-a')
  expect(got.body.warnings).toEqual([
    expect.stringMatching(/^\/allow\/1 matches no caller: ".*team\/\*" has a path and a "\*"/),
  ])
  expect((await bob('POST', '/register/tool-a/repair')).body.warnings).toEqual(got.body.warnings)
  expect(await bob('PUT', '/register/tool-a', got.body)).toMatchObject({
    status: 400,
    body: { error: { issues: [{ path: '/allow/1', message: expect.stringContaining('path') }] } },
  })
  const put = await bob('PUT', '/register/tool-a', { ...got.body, allow: [ANN] })
  expect(put.status).toBe(200)
  expect((await bob('GET', '/register/tool-a')).body).not.toHaveProperty('warnings')
})

import { beforeEach, describe, expect, test } from 'vitest'

import { dynamoRegistry } from '../../src/registry/dynamo.ts'
import { type Emulator, startDynamo } from '../support/dynamodb.ts'
import { OWN_FUNCTIONS, registrationUrl } from '../support/registration-url.ts'

const [MCP = '', REGISTRATION = ''] = OWN_FUNCTIONS
const tool = { type: 'tool', name: 'a', description: 'A', parameters: {} }

let emulator: Emulator
let call: ReturnType<typeof registrationUrl>
let revoked: string[]

beforeEach(async () => {
  emulator = await startDynamo()
  revoked = []
  call = registrationUrl(emulator, {
    grant: async lambdaArn =>
      OWN_FUNCTIONS.some(own => `${lambdaArn}:`.startsWith(`${own}:`))
        ? expect.fail(`a permission for ${lambdaArn} is added`)
        : { state: 'ready' },
    revoke: async lambdaArn => void revoked.push(lambdaArn),
    check: async () => ({ status: { state: 'ready' }, grants: false }),
    status: async () => ({ state: 'not_granted', message: '', fix: [] }),
  })
  return () => emulator.close()
})

const SPELLINGS = [
  MCP,
  REGISTRATION,
  `${MCP}:live`,
  `${MCP}:7`,
  `${REGISTRATION}:$LATEST`,
  MCP.replace('gateway-mcp', 'Gateway-MCP'),
  `${REGISTRATION.replace('registration', 'REGISTRATION')}:live`,
]

describe('a function of the stack', () => {
  test.each(SPELLINGS)('cannot be registered as %s', async lambdaArn => {
    for (const input of [
      { ...tool, lambdaArn },
      { ...tool, type: 'prompt', lambdaArn },
      { type: 'resource', name: 'a', uri: 'notes://a', lambdaArn },
    ])
      expect(await call('POST', '/register', input)).toMatchObject({
        status: 400,
        body: {
          error: {
            code: 'invalid_registration',
            message: expect.stringContaining("the gateway's own stack"),
            issues: [{ path: '/lambdaArn' }],
          },
        },
      })
    expect((await call('GET', '/register')).body.items).toEqual([])
  })

  test('cannot replace the function of a registration', async () => {
    const other = { ...tool, lambdaArn: MCP.replace('gateway-mcp', 'other') }
    expect((await call('POST', '/register', other)).status).toBe(201)
    const put = await call('PUT', '/register/tool-a', { ...tool, lambdaArn: MCP })
    expect(put).toMatchObject({
      status: 400,
      body: { error: { issues: [{ path: '/lambdaArn' }] } },
    })
    expect((await call('GET', '/register/tool-a')).body.lambdaArn).toBe(other.lambdaArn)
  })

  test.each(['gateway-mcp', 'function:gateway-mcp', '123456789012:function:gateway-mcp', '*'])(
    'cannot be registered as %s, which is no whole ARN',
    async lambdaArn => {
      expect((await call('POST', '/register', { ...tool, lambdaArn })).status).toBe(400)
    },
  )

  test.each([
    MCP.replace('eu-central-1', 'us-east-1'),
    MCP.replace('123456789012', '210987654321'),
    `${MCP}-tools`,
    MCP.replace('gateway-mcp', 'mcp'),
  ])('is not meant by %s', async lambdaArn => {
    expect((await call('POST', '/register', { ...tool, lambdaArn })).status).toBe(201)
  })

  test('that an older version registered is shown with a warning, gets no permission and can be deleted', async () => {
    const stored = { ...tool, id: 'tool-a', type: 'tool' as const, inputSchema: { type: 'object' } }
    await dynamoRegistry(emulator.dynamo(), emulator.tables.RegistrationTable).create({
      ...stored,
      inputSchema: { type: 'object' },
      lambdaArn: REGISTRATION,
      contract: 'arguments',
      version: 1,
      createdAt: '',
      updatedAt: '',
      createdBy: '',
    })
    const { body } = await call('GET', '/register/tool-a')
    expect(body.warnings).toEqual([expect.stringMatching(/own stack: delete/)])
    expect((await call('POST', '/register/tool-a/repair')).status).toBe(400)
    expect((await call('PUT', '/register/tool-a', body)).status).toBe(400)
    expect((await call('DELETE', '/register/tool-a')).status).toBe(204)
    expect(revoked).toEqual([REGISTRATION])
  })
})

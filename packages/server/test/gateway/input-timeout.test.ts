import { Client } from '@modelcontextprotocol/client'
import { InMemoryTransport } from '@modelcontextprotocol/server'
import { expect, test } from 'vitest'
import { createProtocol } from '../../src/gateway/protocol/server.ts'
import { createSubscriptions } from '../../src/gateway/protocol/subscriptions.ts'
import { createCachedValidators } from '../../src/gateway/protocol/validators.ts'
import { noLimits } from '../support/no-limits.ts'

const tool = { id: 'tool-ask', name: 'ask', type: 'tool', contract: 'mcp' as const }
const stored = { ...tool, lambdaArn: 'arn', inputSchema: { type: 'object' as const } }
const stamps = { version: 1, createdAt: '', updatedAt: '', createdBy: '' }

test('a user who does not respond in time fails the call, and the connection goes on', async () => {
  const elicitation = { method: 'elicitation/create', params: { message: '?', requestedSchema } }
  const asking = { resultType: 'input_required', inputRequests: { name: elicitation } }
  const protocol = createProtocol({
    beginCall: () => undefined,
    registry: {
      snapshot: async () => ({
        tool: new Map([['ask', { ...stored, ...stamps, type: 'tool' }]]),
        resource: new Map(),
        prompt: new Map(),
      }),
      list: async () => new Map(),
      find: async () => ({ ...stored, ...stamps, type: 'tool' }) as never,
      follow: async () => expect.fail('no stream is open'),
      usesMcpContract: async () => false,
      version: async () => ({ registrations: '0', updates: '0' }),
      updateTokens: async () => new Map(),
    },
    invoke: async () => ({ failure: 'not this one' }),
    validatorsOf: createCachedValidators(),
    maxCallsInFlight: 32,
    limits: noLimits,
    serverPush: false,
    instructions: '',
    async *invokeStream() {
      yield Buffer.from(JSON.stringify({ result: asking }))
    },
  })
  const [ours, theirs] = InMemoryTransport.createLinkedPair()
  const server = protocol.createServer({
    transport: 'sse',
    caller: { arn: 'arn:aws:iam::123456789012:user/caller', accountId: '123456789012', owner: 'o' },
    requestId: 'r',
    sessionId: 's',
    arrival: { at: undefined, isCold: false, tableReads: 0, trace: undefined },
    subscriptions: createSubscriptions(),
    inputTimeoutMs: 50,
  })
  await server.connect(ours)
  const client = new Client({ name: 't', version: '1' }, { capabilities: { elicitation: {} } })
  client.setRequestHandler('elicitation/create', () => new Promise(() => {}))
  await client.connect(theirs)

  const result = await client.callTool({ name: 'ask' })
  expect(result.isError).toBe(true)
  expect(JSON.stringify(result.content)).toContain('timed out')
  await client.ping()
})

const requestedSchema = { type: 'object', properties: {} }

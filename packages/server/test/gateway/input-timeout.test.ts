import { Client } from '@modelcontextprotocol/client'
import { InMemoryTransport } from '@modelcontextprotocol/server'
import { expect, test } from 'vitest'
import { createProtocol } from '../../src/gateway/protocol/server.ts'
import type { Caller } from '../../src/http/caller.ts'

const tool = { id: 'tool-ask', name: 'ask', type: 'tool', contract: 'mcp' as const }
const stored = { ...tool, lambdaArn: 'arn', inputSchema: { type: 'object' as const } }
const stamps = { version: 1, createdAt: '', updatedAt: '', createdBy: '' }

test('a user who does not answer in the time there is costs the call, and nothing more', async () => {
  const asking = { method: 'elicitation/create', params: { message: '?', requestedSchema } }
  const result = { resultType: 'input_required', inputRequests: { name: asking } }
  const protocol = createProtocol({
    registry: {
      snapshot: async () => ({
        tool: new Map([['ask', { ...stored, ...stamps, type: 'tool' }]]),
        resource: new Map(),
        prompt: new Map(),
      }),
      find: async () => ({ ...stored, ...stamps, type: 'tool' }) as never,
      version: async () => ({ registrations: '0', updates: '0' }),
      updateTokens: async () => new Map(),
    },
    invoke: async () => ({ failure: 'not this one' }),
    async *invokeStream() {
      yield Buffer.from(JSON.stringify({ result }))
    },
  })
  const [ours, theirs] = InMemoryTransport.createLinkedPair()
  await protocol.createServer({ caller: {} as Caller }, 50).connect(ours)
  const client = new Client({ name: 't', version: '1' }, { capabilities: { elicitation: {} } })
  client.setRequestHandler('elicitation/create', () => new Promise(() => {}))
  await client.connect(theirs)

  const answer = await client.callTool({ name: 'ask' })
  expect(answer.isError).toBe(true)
  expect(JSON.stringify(answer.content)).toContain('timed out')
  await client.ping()
})

const requestedSchema = { type: 'object', properties: {} }

import { afterAll, beforeAll, expect, test } from 'vitest'

import { connect, OVER } from './support/clients.ts'
import { functionArn, type Gateway, startGateway, until } from './support/gateway.ts'
import { messagesIn, meta, postMcp } from './support/sse-wire.ts'

const INSTRUCTIONS = 'Look up the customer first.\nThen order.'

let gateway: Gateway
beforeAll(async () => {
  gateway = await startGateway({ environment: { INSTRUCTIONS, LIST_TTL_SECONDS: '30' } })
})
afterAll(() => gateway.close())

async function ask(method: string, at = gateway) {
  const headers = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': method }
  const request = { jsonrpc: '2.0', id: 1, method, params: { _meta: meta } }
  const [message] = await messagesIn(await postMcp(at, request, { headers }))
  return message?.result as Record<string, unknown>
}

const lists = ['tools/list', 'prompts/list', 'resources/list', 'resources/templates/list']

test('a list may be cached by its client, and server/discover for an hour', async () => {
  for (const method of lists)
    expect(await ask(method)).toMatchObject({ ttlMs: 30_000, cacheScope: 'private' })
  expect(await ask('server/discover')).toMatchObject({ ttlMs: 3_600_000, cacheScope: 'private' })
})

test('on the local gateway a list may be cached for a second', async () => {
  const local = await startGateway()
  expect(await ask('tools/list', local)).toMatchObject({ ttlMs: 1_000, cacheScope: 'private' })
  expect(await ask('server/discover', local)).not.toHaveProperty('instructions')
  await local.close()
})

test('the instructions are in server/discover and in the response to initialize', async () => {
  expect(await ask('server/discover')).toMatchObject({ instructions: INSTRUCTIONS })
  for (const over of OVER) {
    const { client } = await connect(gateway, 'SDK 2.x', over)
    expect(client.getInstructions()).toBe(INSTRUCTIONS)
    await client.close()
  }
})

test('2026-07-28 is told of logging while a function of the contract mcp is registered', async () => {
  const capabilities = async () => Object.keys((await ask('server/discover'))['capabilities'] ?? {})
  expect(await capabilities()).toEqual(['tools', 'resources', 'prompts', 'completions'])
  const { id } = await gateway.admin.registerTool({
    name: 'contract',
    lambdaArn: functionArn('contract'),
    contract: 'mcp',
    parameters: { mode: 'string' },
  })
  await until(async () => (await capabilities()).includes('logging'), 'logging')
  await gateway.admin.remove(id)
  await until(async () => !(await capabilities()).includes('logging'), 'no logging')
})

test('a client of an earlier version is always told of logging', async () => {
  const { client } = await connect(gateway, 'SDK 2.x', '/mcp over our transport')
  expect(client.getServerCapabilities()).toHaveProperty('logging')
  await client.close()
})

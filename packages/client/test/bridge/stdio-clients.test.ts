import { Client as ClientV2 } from '@modelcontextprotocol/client'
import { StdioClientTransport as StdioV2 } from '@modelcontextprotocol/client/stdio'
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport as StdioV1 } from '@modelcontextprotocol/sdk/client/stdio.js'
import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js'
import { expect, onTestFinished, test } from 'vitest'

import { COMMAND, hostEnvironment } from '../support/host.ts'
import { serveV1, serveV2 } from '../support/sdk.ts'

const info = { name: 'host', version: '1' }
const command = (url: string) => ({
  command: process.execPath,
  args: [COMMAND, url],
  env: hostEnvironment(),
})

test('serves a client of SDK 1.x, and requests of the server', async () => {
  const server = await serveV1()
  const client = new ClientV1(info, { capabilities: { elicitation: {} } })
  client.setRequestHandler(ElicitRequestSchema, () => ({ action: 'decline' }))
  await client.connect(new StdioV1(command(server.url)))
  onTestFinished(() => client.close())

  const { tools } = await client.listTools()
  const asked = await client.callTool({ name: 'ask', arguments: {} })
  const called = await client.callTool({ name: 'echo', arguments: { a: 1 } })

  expect(tools).toHaveLength(5)
  expect(asked.content).toEqual([{ type: 'text', text: 'decline' }])
  expect(called.content).toEqual([{ type: 'text', text: '{"a":1}' }])
  await client.close()
  expect(server.received.filter(it => it.method === 'DELETE')).toHaveLength(1)
})

test('serves a client of SDK 2.x in 2026-07-28', async () => {
  const server = await serveV2()
  const client = new ClientV2(info, { versionNegotiation: { mode: 'auto' } })
  await client.connect(new StdioV2(command(server.url)))
  onTestFinished(() => client.close())

  expect(client.getNegotiatedProtocolVersion()).toBe('2026-07-28')
  const { content } = await client.callTool({ name: 'echo', arguments: { text: 'hé' } })
  expect(content).toEqual([{ type: 'text', text: '{"text":"hé"}' }])
})

test('lets a client of SDK 2.x fall back to a session where the server is older', async () => {
  const server = await serveV1()
  const client = new ClientV2(info, { versionNegotiation: { mode: 'auto' } })
  await client.connect(new StdioV2(command(server.url)))
  onTestFinished(() => client.close())

  expect(client.getNegotiatedProtocolVersion()).toBe('2025-11-25')
  expect((await client.listTools()).tools).toHaveLength(5)
})

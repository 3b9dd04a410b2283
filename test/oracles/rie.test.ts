import { createAdminClient } from '@markvp/mcp-lambda-sam-admin-client'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { functionArn, type Gateway, sharing, startGateway } from '../support/gateway.ts'
import { type EmulatedFunction, startInEmulator } from './rie.ts'

// "npm run rie" runs this file where it could build AWS's emulator and runtime client. The built
// functions run as on Lambda: AWS's own code loads them, sends them events, and takes what they
// stream. The tables and the registered functions are those of a local gateway.
const tools = { folder: process.env['RIE'] ?? '', node: process.env['RIE_NODE'] ?? '' }

let gateway: Gateway
let mcp: EmulatedFunction
let registration: EmulatedFunction
let environment: Record<string, string>

beforeAll(async () => {
  gateway = await startGateway()
  environment = sharing(gateway)
  mcp = await startInEmulator(tools, 'McpFunction', environment)
  registration = await startInEmulator(tools, 'RegistrationFunction', environment)
}, 120_000)
afterAll(() => Promise.all([mcp?.close(), registration?.close(), gateway?.close()]))

test('registers functions and grants the invoke permissions', async () => {
  const { region, credentials } = gateway
  const admin = createAdminClient({ url: registration.url, region, credentials })
  const echo = {
    name: 'echo',
    lambdaArn: functionArn('echo'),
    parameters: { text: 'string' },
  } as const
  expect(await admin.registerTool(echo)).toMatchObject({ status: { state: 'ready' } })
  expect(await admin.registerTool(echo)).toMatchObject({ change: 'unchanged', version: 1 })
  const contract = await admin.registerTool({
    name: 'contract',
    lambdaArn: functionArn('contract'),
    contract: 'mcp',
    parameters: { mode: 'string' },
  })
  expect(await admin.get(contract.id)).toMatchObject({ status: { state: 'ready' }, version: 1 })
})

test('lists tools, calls them, and streams their progress', async () => {
  const client = new Client(
    { name: 'test', version: '1.0.0' },
    { versionNegotiation: { mode: 'auto' } },
  )
  await client.connect(new StreamableHTTPClientTransport(new URL('mcp', mcp.url)))
  expect(client.getNegotiatedProtocolVersion?.()).toBe('2026-07-28')
  expect((await client.listTools()).tools.map(it => it.name)).toEqual(['contract', 'echo'])
  const text = 'é'.repeat(100_000)
  const { structuredContent } = await client.callTool({ name: 'echo', arguments: { text } })
  expect((structuredContent as { event: { text: string } }).event.text === text).toBe(true)

  const progress: number[] = []
  const result = await client.callTool(
    { name: 'contract', arguments: { mode: 'steps' } },
    { onprogress: it => void progress.push(it.progress) },
  )
  expect(result.content).toMatchObject([{ text: 'done' }])
  expect(progress).toEqual([1, 2, 3])
  await client.close()
})

test('streams on GET /sse until the client has been silent for the idle timeout', async () => {
  const settings = { IDLE_TIMEOUT_SECONDS: '4', HEARTBEAT_SECONDS: '1' }
  const stream = await startInEmulator(tools, 'McpFunction', { ...environment, ...settings })
  try {
    const response = await fetch(new URL('sse', stream.url))
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe('text/event-stream')
    const text = await response.text()
    const [, endpoint = ''] =
      /^event: endpoint\ndata: (\/message\?sessionId=\S+)$/m.exec(text) ?? []
    // A comment, as heartbeat.
    expect(text).toMatch(/^:/m)

    const late = await fetch(new URL(endpoint, mcp.url), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' }),
    })
    expect([late.status, await late.text()]).toEqual([404, expect.stringContaining('session')])
  } finally {
    await stream.close()
  }
})

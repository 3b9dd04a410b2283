import {
  Client as ClientV2,
  SSEClientTransport as SseV2,
  StreamableHTTPClientTransport as StreamableV2,
} from '@modelcontextprotocol/client'
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js'
import { SSEClientTransport as SseV1 } from '@modelcontextprotocol/sdk/client/sse.js'
import { StreamableHTTPClientTransport as StreamableV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { describe, expect, onTestFinished, test } from 'vitest'

import { signedFetch } from '../src/signing/signed-fetch.ts'
import { type Message, serve, startGateway, toolResult } from './support/server.ts'
import { KEY, REGION, refusalOf } from './support/verifier.ts'

const info = { name: 'test', version: '1' }
const fetch = signedFetch({ credentials: KEY, region: REGION })
const echo = { name: 'echo', arguments: { n: 1 } }

describe('signedFetch under the transports of the SDKs', () => {
  test('HTTP+SSE of 1.x calls a tool', async () => {
    const { url } = await startGateway()
    const client = new ClientV1(info)
    onTestFinished(() => client.close())
    await client.connect(new SseV1(new URL('/sse', url), { fetch }))
    expect(await client.callTool(echo)).toMatchObject(toolResult('{"n":1}'))
  })

  test('HTTP+SSE of 2.x calls a tool', async () => {
    const { url } = await startGateway()
    const client = new ClientV2(info)
    onTestFinished(() => client.close())
    await client.connect(new SseV2(new URL('/sse', url), { fetch }))
    expect(await client.callTool(echo)).toMatchObject(toolResult('{"n":1}'))
  })

  test('Streamable HTTP of 1.x calls a tool', async () => {
    const client = new ClientV1(info)
    onTestFinished(() => client.close())
    await client.connect(new StreamableV1(new URL('/mcp', await serveStreamable()), { fetch }))
    expect(await client.callTool(echo)).toMatchObject(toolResult('{"n":1}'))
  })

  test('Streamable HTTP of 2.x calls a tool', async () => {
    const client = new ClientV2(info)
    onTestFinished(() => client.close())
    await client.connect(new StreamableV2(new URL('/mcp', await serveStreamable()), { fetch }))
    expect(await client.callTool(echo)).toMatchObject(toolResult('{"n":1}'))
  })
})

/** Responds to every POST with a stream of one event, as a server of 2025-11-25 may. */
async function serveStreamable(): Promise<string> {
  const { url } = await serve((request, response) => {
    if (refusalOf(request, KEY)) return response.writeHead(403).end()
    if (request.method !== 'POST') return response.writeHead(405).end()
    const { id, method, params }: Message = JSON.parse(request.body.toString())
    if (id === undefined) return response.writeHead(202).end()
    const result =
      method === 'initialize'
        ? {
            protocolVersion: params?.protocolVersion,
            capabilities: { tools: {} },
            serverInfo: { name: 'loopback', version: '1' },
          }
        : toolResult(JSON.stringify(params?.arguments))
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.end(`data: ${JSON.stringify({ jsonrpc: '2.0', id, result })}\n\n`)
  })
  return url
}

import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'

import { SigV4SseTransport } from '@markvp/mcp-lambda-sam-client'
import { Client, SSEClientTransport } from '@modelcontextprotocol/client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { info } from './support/clients.ts'
import { type Gateway, startGateway } from './support/gateway.ts'

/** The endpoint that `GET /sse` names. */
async function endpointOf(gateway: Gateway, path: string, headers: Record<string, string> = {}) {
  const response = await gateway.fetch()(new URL(path, gateway.mcpUrl), { headers })
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  while (!text.includes('\n\n')) {
    const { value, done } = (await reader?.read()) ?? { done: true }
    if (done) break
    text += value
  }
  await reader?.cancel()
  return /data: (\S+)\?sessionId=/.exec(text)?.[1]
}

describe('without a setting', () => {
  let gateway: Gateway
  beforeAll(async () => {
    gateway = await startGateway()
  })
  afterAll(() => gateway.close())

  test.each([
    ['/prod', '/prod/message'],
    ['/prod/v1/', '/prod/v1/message'],
    ['https://evil.example', '/message'],
    ['//evil.example', '/message'],
    ['/a\tb', '/message'],
    ['/a, /b', '/message'],
    ['/'.concat('x'.repeat(2_000)), '/message'],
  ])('/sse names an endpoint behind the prefix that a proxy removed: %s', async (prefix, named) => {
    expect(await endpointOf(gateway, 'sse', { 'x-forwarded-prefix': prefix })).toBe(named)
  })
})

describe('with PUBLIC_PATH', () => {
  let gateway: Gateway
  /** Removes `/prod` from the path, as a stage of API Gateway does. It signs nothing. */
  let proxy: Server
  let origin: string
  beforeAll(async () => {
    gateway = await startGateway({ environment: { PUBLIC_PATH: '/prod' } })
    proxy = createServer(async (incoming, outgoing) => {
      const body = await buffer(incoming)
      const { method, url = '', headers } = incoming
      const target = new URL(url.replace(/^\/prod/, ''), gateway.mcpUrl)
      if (!url.startsWith('/prod/')) return void outgoing.writeHead(403).end()
      void gateway
        .fetch()(target, {
          method: method ?? 'GET',
          headers: {
            accept: headers.accept ?? '*/*',
            ...(headers['content-type'] && { 'content-type': headers['content-type'] }),
          },
          ...(method === 'POST' && { body }),
        })
        .then(async response => {
          outgoing.writeHead(response.status, Object.fromEntries(response.headers))
          for await (const chunk of response.body ?? []) outgoing.write(chunk)
          outgoing.end()
        })
        .catch(() => outgoing.destroy())
    }).listen(0, '127.0.0.1')
    await new Promise(resolve => proxy.once('listening', resolve))
    origin = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`
  })
  afterAll(async () => {
    proxy.closeAllConnections()
    proxy.close()
    await gateway.close()
  })

  test('the path is taken with and without the prefix', async () => {
    expect(await endpointOf(gateway, 'sse')).toBe('/prod/message')
    expect(await endpointOf(gateway, 'prod/sse')).toBe('/prod/message')
    for (const [path, status] of [
      ['prod/health', 200],
      ['health', 200],
      ['prod/mcp', 405],
      ['prod/nope', 404],
      ['production/health', 404],
    ] as const)
      expect((await gateway.fetch()(new URL(path, gateway.mcpUrl))).status, path).toBe(status)
  })

  test('our transport works on the gateway itself', async () => {
    const { mcpUrl, region, credentials } = gateway
    const client = new Client(info)
    await client.connect(new SigV4SseTransport(mcpUrl, { region, credentials }))
    expect((await client.listTools()).tools).toEqual([])
    await client.close()
  })

  test('a client behind the proxy works', async () => {
    const client = new Client(info)
    await client.connect(new SSEClientTransport(new URL('/prod/sse', origin)))
    expect((await client.listTools()).tools).toEqual([])
    await client.close()
  })
})

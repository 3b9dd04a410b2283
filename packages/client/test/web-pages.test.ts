import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

import { expect, test } from 'vitest'

import { SigV4SseTransport, SigV4StreamableHttpTransport } from '../src/index.ts'
import { serve, startGateway } from './support/server.ts'
import { KEY, REGION } from './support/verifier.ts'

const template = readFileSync(new URL('../../../template.yaml', import.meta.url), 'utf8')
const [, cors = ''] = /\n {8}Cors:([\s\S]*?)\n {6}\S/.exec(template) ?? []

/** Which any page may send and read, or which the browser sets itself. */
const ALWAYS =
  /^(accept|accept-(encoding|language)|connection|content-length|host|sec-fetch-mode|user-agent)$/

const options = {
  credentials: { ...KEY, sessionToken: 'token' },
  region: REGION,
}

test('a page of an allowed origin may send every header of the transports', async () => {
  const server = await serve((request, response) => {
    if (request.method !== 'POST') return response.writeHead(405).end()
    const { id } = JSON.parse(request.body.toString())
    const headers = { 'content-type': 'application/json', 'mcp-session-id': 's-1' }
    response.writeHead(200, headers).end(JSON.stringify({ jsonrpc: '2.0', id, result: {} }))
  })
  const streamable = new SigV4StreamableHttpTransport(server.url, options)
  await streamable.start()
  for (const method of ['initialize', 'tools/call'])
    await streamable.send({
      jsonrpc: '2.0',
      id: method,
      method,
      params: { name: 'x', _meta: { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' } },
    })
  await streamable.close()

  const gateway = await startGateway({
    sse: (_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream', 'mcp-resume': '1' })
      response.write('id: r-1\nevent: endpoint\ndata: /message\n\n')
      if (gateway.received.length === 1) response.end()
    },
    message: (_, response) => response.writeHead(202).end(),
  })
  const sse = new SigV4SseTransport(gateway.url, { ...options, credentials: KEY })
  sse.setProtocolVersion('2024-11-05')
  await sse.start()
  await expect.poll(() => gateway.received.length).toBe(2)
  await sse.send({ jsonrpc: '2.0', method: 'notifications/x' })
  await sse.close()

  const sent = [...server.received, ...gateway.received].flatMap(it => Object.keys(it.headers))
  const names = [...new Set(sent)].filter(name => !ALWAYS.test(name))
  expect(names).toContain('last-event-id')
  const allowed = [...cors.matchAll(/^ {14}- (\S+)$/gm)].map(([, name]) => name)
  expect(names.filter(name => !allowed.includes(name))).toEqual([])
})

test('it may read every header that the client reads', () => {
  const folder = fileURLToPath(new URL('../src/', import.meta.url))
  const read = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter(file => file.endsWith('.ts') && !file.startsWith('bridge'))
    .flatMap(file => [
      ...readFileSync(folder + file, 'utf8').matchAll(/headers\.get\('([^']+)'\)/g),
    ])
    .map(([, name]) => name)
  const names = new Set(read.filter(name => name !== 'content-type' && name !== 'location'))
  const exposed = /ExposeHeaders: \[(.*)\]/.exec(cors)?.[1]?.split(', ') ?? []
  expect([...names].filter(name => !exposed.includes(name ?? ''))).toEqual([])
})

import { randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'

import { InMemoryEventStore } from '@modelcontextprotocol/sdk/examples/shared/inMemoryEventStore.js'
import { Server as ServerV1 } from '@modelcontextprotocol/sdk/server/index.js'
import { WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js'
import {
  CallToolRequestSchema,
  ElicitResultSchema,
  ListToolsRequestSchema,
} from '@modelcontextprotocol/sdk/types.js'
import { createMcpHandler, Server as ServerV2 } from '@modelcontextprotocol/server'
import { onTestFinished } from 'vitest'

import { type LoopbackServer, type Respond, serve, toolResult } from './server.ts'
import { KEY, refusalOf } from './verifier.ts'

const info = { name: 'loopback', version: '1' }
const inputSchema = { type: 'object' as const }
const tools = ['echo', 'progress', 'ask', 'hangUp', 'wait'].map(name => ({ name, inputSchema }))

/**
 * Server of SDK 1.x with sessions, events that can be replayed, and a stream for its own messages.
 */
export async function serveV1({
  json = false,
} = {}): Promise<LoopbackServer & { sessions: Map<string, { server: ServerV1 }> }> {
  type Transport = WebStandardStreamableHTTPServerTransport
  const sessions = new Map<string, { server: ServerV1; transport: Transport }>()
  const loopback = await serve(
    viaWeb(async request => {
      const id = request.headers.get('mcp-session-id')
      const known = id === null ? await open() : sessions.get(id)
      return known
        ? known.transport.handleRequest(request)
        : Response.json(
            {
              jsonrpc: '2.0',
              id: null,
              error: { code: -32001, message: 'Session not found' },
            },
            { status: 404 },
          )
    }),
  )
  onTestFinished(async () => {
    for (const { server } of sessions.values()) await server.close()
  })
  return { ...loopback, sessions }

  async function open() {
    const server = createServerV1()
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      enableJsonResponse: json,
      ...(!json && { eventStore: new InMemoryEventStore() }),
      retryInterval: 150,
      onsessioninitialized: id => void sessions.set(id, { server, transport }),
      onsessionclosed: id => void sessions.delete(id),
    })
    await server.connect(transport)
    return { server, transport }
  }
}

function createServerV1(): ServerV1 {
  const server = new ServerV1(info, { capabilities: { tools: { listChanged: true } } })
  server.setRequestHandler(ListToolsRequestSchema, () => ({ tools }))
  server.setRequestHandler(CallToolRequestSchema, async ({ params }, extra) => {
    const { progressToken = 0 } = params._meta ?? {}
    const progress = { progressToken, progress: 1 }
    if (params.name === 'progress')
      await extra.sendNotification({ method: 'notifications/progress', params: progress })
    if (params.name === 'hangUp') {
      extra.closeSSEStream?.()
      await new Promise(resolve => setTimeout(resolve, 50))
    }
    if (params.name === 'wait')
      await new Promise(resolve => extra.signal.addEventListener('abort', resolve))
    if (params.name === 'ask') {
      const requestedSchema = { type: 'object' as const, properties: {} }
      const { action } = await extra.sendRequest(
        { method: 'elicitation/create', params: { message: 'Sure?', requestedSchema } },
        ElicitResultSchema,
      )
      return toolResult(action) as { content: [] }
    }
    return toolResult(JSON.stringify(params.arguments)) as { content: [] }
  })
  return server
}

/** Server of SDK 2.x: 2026-07-28, and 2025 without sessions. */
export async function serveV2(): Promise<LoopbackServer & { changed(): void }> {
  const handler = createMcpHandler(() => {
    const server = new ServerV2(info, { capabilities: { tools: { listChanged: true } } })
    server.setRequestHandler('tools/list', () => ({ tools, ttlMs: 0, cacheScope: 'private' }))
    server.setRequestHandler('tools/call', async ({ params }, { mcpReq }) => {
      const { progressToken } = mcpReq._meta ?? {}
      if (params.name === 'progress' && progressToken !== undefined)
        await mcpReq.notify({
          method: 'notifications/progress',
          params: { progressToken, progress: 1 },
        })
      if (params.name === 'wait')
        await new Promise(resolve => mcpReq.signal.addEventListener('abort', resolve))
      return toolResult(JSON.stringify(params.arguments)) as { content: [] }
    })
    return server
  })
  onTestFinished(() => handler.close())
  const loopback = await serve(viaWeb(handler.fetch))
  return { ...loopback, changed: () => handler.notify.toolsChanged() }
}

function viaWeb(handle: (request: Request) => Promise<Response>): Respond {
  return async (received, response) => {
    const refused = refusalOf(received, KEY)
    if (refused) return response.writeHead(403).end(JSON.stringify({ Message: refused }))
    const { method, target, body } = received
    const headers = received.headers as Record<string, string>
    const hangUp = new AbortController()
    response.once('close', () => hangUp.abort())
    const given = await handle(
      new Request(`http://${headers['host']}${target}`, {
        method,
        headers,
        signal: hangUp.signal,
        ...(body.length > 0 && { body: new Uint8Array(body) }),
      }),
    )
    response.writeHead(given.status, Object.fromEntries(given.headers)).flushHeaders()
    if (!given.body) return response.end()
    // The client may hang up at any time.
    await pipeline(Readable.fromWeb(given.body as never), response).catch(() => {})
  }
}

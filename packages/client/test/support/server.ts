import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'

import { onTestFinished } from 'vitest'

import { KEY, type Received, refusalOf } from './verifier.ts'

export interface LoopbackServer {
  url: string
  /** Every request, in order of arrival. */
  received: Received[]
  /** Responses that have neither ended nor lost their client. */
  open: Set<ServerResponse>
}

export type Respond = (request: Received, response: ServerResponse) => unknown

/**
 * A real HTTP server that lives as long as the test and calls `respond` for each request.
 */
export async function serve(respond: Respond): Promise<LoopbackServer> {
  const received: Received[] = []
  const open = new Set<ServerResponse>()
  const listener: RequestListener = async (message, response) => {
    const request = await receive(message)
    received.push(request)
    open.add(response)
    response.once('close', () => open.delete(response))
    await respond(request, response)
  }
  const server = createServer(listener).listen(0, '127.0.0.1')
  await new Promise(resolve => server.once('listening', resolve))
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, received, open }
}

async function receive(message: IncomingMessage): Promise<Received> {
  const chunks: Buffer[] = []
  for await (const chunk of message) chunks.push(chunk)
  const { method = '', url: target = '', headers } = message
  return { method, target, headers, body: Buffer.concat(chunks) }
}

export interface Message {
  id?: string | number
  method: string
  params?: {
    name?: string
    arguments?: Record<string, unknown>
    protocolVersion?: string
    _meta?: { progressToken?: string | number }
  }
}

export interface Gateway extends LoopbackServer {
  /** The open event streams, oldest first. */
  streams: ServerResponse[]
  messages: Message[]
  /** Writes to the newest stream. */
  write(text: string | Buffer): void
  reply(id: Message['id'], result: unknown): void
}

export interface GatewayQuirks {
  /** Instead of opening a proper stream. */
  sse?: Respond
  /** Instead of `202 Accepted`. Return true for a response on the stream as well. */
  message?: (request: Received, response: ServerResponse, message: Message) => unknown
  /** Instead of a response to `tools/call` with the arguments. */
  call?: (message: Message) => unknown
}

/**
 * A small MCP server over HTTP+SSE behind a verified signature, as far as clients can tell; each
 * test replaces the part that is to misbehave.
 */
export async function startGateway(quirks: GatewayQuirks = {}): Promise<Gateway> {
  const streams: ServerResponse[] = []
  const messages: Message[] = []
  const server = await serve(async (request, response) => {
    const refused = refusalOf(request, KEY)
    if (refused) return response.writeHead(403).end(JSON.stringify({ Message: refused }))
    if (request.method === 'GET') return (quirks.sse ?? openStream)(request, response)

    if (request.method === 'DELETE') return response.writeHead(204).end()
    const message: Message = JSON.parse(request.body.toString())
    messages.push(message)
    if (!quirks.message) response.writeHead(202).end('Accepted')
    if (!quirks.message || (await quirks.message(request, response, message)) === true)
      handle(message)
  })
  const gateway: Gateway = {
    ...server,
    streams,
    messages,
    write: text => void streams.at(-1)?.write(text),
    reply: (id, result) => gateway.write(event({ jsonrpc: '2.0', id, result })),
  }
  return gateway

  function openStream(_: Received, response: ServerResponse) {
    streams.push(response)
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(ENDPOINT)
  }

  function handle(message: Message) {
    const { id, method, params } = message
    if (method === 'initialize')
      return gateway.reply(id, {
        protocolVersion: params?.protocolVersion,
        capabilities: { tools: {} },
        serverInfo: { name: 'loopback', version: '1' },
      })
    if (method === 'tools/list')
      return gateway.reply(id, { tools: [{ name: 'echo', inputSchema: { type: 'object' } }] })
    if (method === 'tools/call')
      return quirks.call
        ? quirks.call(message)
        : gateway.reply(id, toolResult(JSON.stringify(params?.arguments)))
    if (method === 'ping') return gateway.reply(id, {})
    if (id !== undefined)
      gateway.write(
        event({ jsonrpc: '2.0', id, error: { code: -32601, message: 'Method not found' } }),
      )
  }
}

/** Refuses a message, as the gateway does over a rate limit, for a minute. */
export function overLimit(_: Received, response: ServerResponse) {
  const error = { code: 'rate_limited', message: 'Too many calls' }
  response.writeHead(429, { 'retry-after': '60' }).end(JSON.stringify({ error }))
}

/** Refuses the first `tools/call`, as the gateway does over a rate limit. */
export function limitedGateway(): Promise<Gateway> {
  let refusals = 1
  return startGateway({
    message(_, response, { method }) {
      const isRefused = method === 'tools/call' && refusals-- > 0
      const error = { code: 'rate_limited', message: 'Too many calls' }
      if (isRefused) response.writeHead(429, { 'retry-after': '0' }).end(JSON.stringify({ error }))
      else response.writeHead(202).end('Accepted')
      return !isRefused
    },
  })
}

/** Likewise over the limit of a registration: after it has accepted the call. */
export async function limitedRegistration(): Promise<Gateway> {
  let refusals = 1
  const gateway: Gateway = await startGateway({
    call({ id, params }) {
      const data = { reason: 'rate_limited', retryAfter: 0.1, retrySafe: true }
      const error = { code: -32_000, message: 'Too many calls', data }
      if (refusals-- > 0) gateway.write(event({ jsonrpc: '2.0', id, error }))
      else gateway.reply(id, toolResult(JSON.stringify(params?.arguments)))
    },
  })
  return gateway
}

export const ENDPOINT = 'event: endpoint\ndata: /message?sessionId=s-1\n\n'
export const event = (message: unknown) => `event: message\ndata: ${JSON.stringify(message)}\n\n`
export const toolResult = (text: string) => ({ content: [{ type: 'text', text }] })

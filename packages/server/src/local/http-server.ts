import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

import type { Log } from './log.ts'

/** The ids that AWS gives to a request. */
export interface RequestIds {
  requestId: string
  traceId: string
}

/** Limit of the request line and the headers on AWS, in bytes. */
const HEADER_LIMIT = 1024 * 1024

/** A server whose process survives every broken request. */
export function httpServer(
  handle: (request: IncomingMessage, response: ServerResponse, ids: RequestIds) => Promise<void>,
  log: Log,
): Server {
  return createServer({ maxHeaderSize: HEADER_LIMIT }, (request, response) => {
    const ids = newIds(request.headers['x-amzn-trace-id'])
    response.setHeader('x-amzn-requestid', ids.requestId)
    // A client that disconnects during its response is not an error.
    response.on('error', () => {})

    // On AWS another host name is the URL of another function.
    if (!isLoopback(request.headers.host))
      return refuse(response, 403, 'AccessDeniedException', { Message: null })
    handle(request, response, ids).catch(error => {
      if (!request.complete) return
      const message = `${request.method} ${request.url} failed: ${error?.stack ?? error}`
      log({ level: 'error', requestId: ids.requestId, message })
      response.destroy()
    })
  })
}

/** An error response of AWS itself, without the function. */
export function refuse(response: ServerResponse, status: number, type: string, body: object) {
  response
    .writeHead(status, { 'content-type': 'application/json', 'x-amzn-errortype': type })
    .end(JSON.stringify(body))
}

/** A request goes on with the trace that it names. Without one, a trace begins with it. */
function newIds(trace: string | string[] = ''): RequestIds {
  const isTrace = typeof trace === 'string' && /^Root=1-[0-9a-f]{8}-[0-9a-f]{24}(;|$)/.test(trace)
  return { requestId: randomUUID(), traceId: isTrace ? trace : newTrace() }
}

function newTrace() {
  const seconds = Math.floor(Date.now() / 1000).toString(16)
  // Node keeps random bytes for UUIDs at hand. Other random bytes are a system call each.
  const id = randomUUID().replaceAll('-', '').slice(0, 24)
  return `Root=1-${seconds}-${id};Sampled=0`
}

/** Starts a server on loopback and resolves with its port. Port 0 is a free one. */
export async function listen(server: Server, port = 0): Promise<number> {
  // A frozen function does not see that the server closed an idle connection. It would use the
  // connection after the thaw and fail.
  server.keepAliveTimeout = 0
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject)
      resolve()
    })
  })
  return (server.address() as AddressInfo).port
}

/** Ends all connections, also those with an unfinished response. */
export async function closeServer(server: Server): Promise<void> {
  const closed = new Promise(resolve => server.close(resolve))
  server.closeAllConnections()
  await closed
}

/** Limit of the payload of a synchronous invocation, in bytes. */
export const REQUEST_LIMIT = 6 * 1024 * 1024

/** Undefined when the body is larger than REQUEST_LIMIT. Rejects when the client disconnects. */
export async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    // Read on after the limit: a client that still writes would not see the response.
    if (size <= REQUEST_LIMIT) chunks.push(chunk)
  }
  return size > REQUEST_LIMIT ? undefined : Buffer.concat(chunks)
}

/**
 * Protects against DNS rebinding: a web page can make its own host name point to this machine, and
 * the keys of the developer are public.
 */
function isLoopback(host = ''): boolean {
  return /^(127(\.\d+){3}|localhost|[^:]+\.localhost|\[::1\])(:\d+)?$/i.test(host)
}

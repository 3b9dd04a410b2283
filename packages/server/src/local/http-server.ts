import { randomBytes, randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

import type { Log } from './log.ts'

/** What AWS gives a request to be found again by. */
export interface Ids {
  requestId: string
  traceId: string
}

/** What AWS takes as request line and headers, in bytes. */
const HEADER_LIMIT = 1024 * 1024

/** A server on which no request, however broken, ends the process. */
export function httpServer(
  answer: (request: IncomingMessage, response: ServerResponse, ids: Ids) => Promise<void>,
  log: Log,
): Server {
  return createServer({ maxHeaderSize: HEADER_LIMIT }, (request, response) => {
    const ids = newIds()
    response.setHeader('x-amzn-requestid', ids.requestId)
    // A client that goes away in the middle is nobody's fault and nobody's business.
    response.on('error', () => {})

    // To AWS, another name is the URL of another function, or of none.
    if (!isLoopback(request.headers.host))
      return refuse(response, 403, 'AccessDeniedException', { Message: null })
    answer(request, response, ids).catch(error => {
      if (!request.complete) return
      const message = `${request.method} ${request.url} failed: ${error?.stack ?? error}`
      log({ level: 'error', requestId: ids.requestId, message })
      response.destroy()
    })
  })
}

/** What AWS itself answers, without a function. */
export function refuse(response: ServerResponse, status: number, type: string, body: object) {
  response
    .writeHead(status, { 'content-type': 'application/json', 'x-amzn-errortype': type })
    .end(JSON.stringify(body))
}

function newIds(): Ids {
  const seconds = Math.floor(Date.now() / 1000).toString(16)
  return {
    requestId: randomUUID(),
    traceId: `Root=1-${seconds}-${randomBytes(12).toString('hex')};Sampled=0`,
  }
}

/** Starts a server on loopback and returns its port, a free one when none is given. */
export async function listen(server: Server, port = 0): Promise<number> {
  // A function that is stopped does not see that an idle connection was closed, and fails on it when it runs on.
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

/** Cuts off what is still being answered. */
export async function closeServer(server: Server): Promise<void> {
  const closed = new Promise(resolve => server.close(resolve))
  server.closeAllConnections()
  await closed
}

/** What Lambda takes as the payload of a synchronous call, in bytes. */
export const REQUEST_LIMIT = 6 * 1024 * 1024

/** The whole body, or undefined when it is larger than Lambda allows. Rejects when the client breaks off. */
export async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    // The rest is read, too: a client that still writes would not see the answer.
    if (size <= REQUEST_LIMIT) chunks.push(chunk)
  }
  return size > REQUEST_LIMIT ? undefined : Buffer.concat(chunks)
}

/** A page in the developer's browser can make a name of its own point here, and everybody knows the keys. */
function isLoopback(host = ''): boolean {
  return /^(127(\.\d+){3}|localhost|[^:]+\.localhost|\[::1\])(:\d+)?$/i.test(host)
}

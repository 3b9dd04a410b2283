import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'

import type { ClientError } from '../../errors.ts'
import { discard } from '../../http/bodies.ts'
import { isRecord, parseJson } from '../../is-record.ts'
import type { RequestId } from '../../jsonrpc.ts'
import { toConnectionError } from '../../request/send.ts'
import { failureResponse } from '../error-response.ts'
import type { Log } from '../log.ts'
import { denialOf } from './access.ts'
import { forwardedHeaders, returnedHeaders } from './headers.ts'
import { createOpenSessions } from './sessions.ts'

export interface Proxy {
  port: number
  /** Ends the sessions on the server, and every connection. */
  close(): Promise<void>
}

interface ProxyOptions {
  /** Of the gateway. */
  url: URL
  port: number
  /** What clients must send; undefined: nothing. */
  token: string | undefined
  headers: [string, string][]
  signedFetch: typeof fetch
  hintFor(error: unknown): Promise<string | undefined>
  log: Log
}

/** A Function URL takes no larger request. */
const MAX_BODY = 6 * 1024 * 1024
const MAX_CONNECTIONS = 1_000
const DELETE_TIMEOUT_MS = 1_500

const METHODS = new Map([
  ['mcp', ['GET', 'POST', 'DELETE']],
  ['sse', ['GET']],
  ['message', ['POST']],
])

/**
 * Signs the requests of clients on this machine. Everything else passes as it is: bodies, streams,
 * statuses, and the end of either side.
 */
export async function startProxy(options: ProxyOptions): Promise<Proxy> {
  const { url, token, headers: added, signedFetch, hintFor, log } = options
  const sessions = createOpenSessions()
  const server = createServer((request, response) => {
    handle(request, response).catch(error => {
      log.debug(`${request.method} ended: ${error.message}`)
      response.destroy()
    })
  })
  server.maxConnections = MAX_CONNECTIONS
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, '127.0.0.1', resolve)
  })
  server.on('error', ({ message }) => log.warn(message)) // too many open files

  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      server.close()
      const signal = AbortSignal.timeout(DELETE_TIMEOUT_MS)
      const deleted = sessions.deleteAll(async headers => {
        for (const [name, value] of added) headers.set(name, value)
        discard(await signedFetch(target('/mcp', ''), { method: 'DELETE', headers, signal }))
      })
      // Credentials take no signal.
      await Promise.race([deleted, sleep(DELETE_TIMEOUT_MS)])
      server.closeAllConnections()
    },
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', rawHeaders, url: given = '' } = request
    const denial = denialOf(request, token)
    if (denial) {
      if (denial.status === 401) response.setHeader('www-authenticate', 'Bearer')
      return refuse(response, denial.status, denial.code, denial.message)
    }
    if (!URL.canParse(given, 'http://127.0.0.1'))
      return refuse(response, 400, 'invalid_url', 'The target of the request is no URL')
    const { pathname, search } = new URL(given, 'http://127.0.0.1')
    const endpoint = pathname.split('/').at(-1) ?? ''
    const methods = METHODS.get(endpoint)
    if (!methods)
      return refuse(
        response,
        404,
        'not_found',
        'The endpoints are /mcp and /sse, with its /message',
      )
    if (!methods.includes(method)) {
      response.setHeader('allow', methods.join(', '))
      return refuse(response, 405, 'method_not_allowed', `${pathname} takes ${methods.join(', ')}`)
    }
    const body = await bodyOf(request)
    if (!body)
      return refuse(response, 413, 'too_large', `A request has at most ${MAX_BODY >> 20} MiB`)

    const hangUp = new AbortController()
    response.once('close', () => hangUp.abort())
    const headers = forwardedHeaders(rawHeaders, added)
    let received: Response
    try {
      received = await signedFetch(target(pathname, search), {
        method,
        headers,
        ...(body.length > 0 && { body }),
        signal: hangUp.signal,
      })
    } catch (error) {
      if (hangUp.signal.aborted) return
      const reason = toConnectionError(`Could not reach ${url.origin}`, error, 'message')
      return fail(response, endpoint === 'mcp' ? requestIdIn(body) : undefined, reason)
    }
    sessions.observe(method, headers, received)
    const { status } = received
    if (status >= 400) log.info(`${method} ${pathname}: the gateway answered ${status}`)
    await passOn(received, response)
  }

  /** The endpoint of the gateway behind a path of the proxy. */
  function target(pathname: string, search: string): URL {
    const prefix = url.pathname.replace(/\/+$/, '')
    const found = new URL(url)
    // The path of /message comes from the gateway, so it has the prefix already.
    found.pathname = pathname.startsWith(`${prefix}/`) ? pathname : `${prefix}${pathname}`
    for (const [name, value] of new URLSearchParams(search)) found.searchParams.append(name, value)
    return found
  }

  /**
   * What keeps the proxy from sending is the response to a request, so that a client shows it. A
   * client of HTTP+SSE reads no response in the body of a POST: it gets a status that is a failure.
   */
  async function fail(response: ServerResponse, id: RequestId | undefined, error: ClientError) {
    log.warn(error.message)
    const hint = (await hintFor(error)) ?? error.hint
    if (id === undefined) return refuse(response, 502, error.code, `${error.message}. ${hint}`)
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(failureResponse(id, error, hint))
  }
}

/** The id of the request in the body of a POST. */
function requestIdIn(body: Buffer): RequestId | undefined {
  const message = parseJson(body.toString())
  const id = isRecord(message) && message['method'] !== undefined ? message['id'] : undefined
  return typeof id === 'string' || typeof id === 'number' ? id : undefined
}

/** Undefined where the body is too large. */
async function bodyOf(request: IncomingMessage): Promise<Buffer<ArrayBuffer> | undefined> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of request) {
    length += chunk.length
    if (length <= MAX_BODY) chunks.push(chunk)
    else if (length > 2 * MAX_BODY) return undefined // leaving the loop ends the connection
  }
  return length > MAX_BODY ? undefined : (Buffer.concat(chunks) as Buffer<ArrayBuffer>)
}

async function passOn(given: Response, response: ServerResponse) {
  response.writeHead(given.status, returnedHeaders(given))
  if (!given.body) return void response.end()
  response.flushHeaders()
  await pipeline(Readable.fromWeb(given.body as never), response)
}

function refuse(response: ServerResponse, status: number, code: string, message: string) {
  if (response.destroyed) return
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify({ error: { code, message } }))
}

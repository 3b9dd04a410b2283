import type { IncomingMessage } from 'node:http'

import { version } from '../version.ts'
import { AwsError, networkError } from './aws-error.ts'
import type { ServiceName } from './endpoint.ts'
import { keptAliveSockets } from './kept-alive-sockets.ts'
import { type Credentials, createSigner } from './signature-v4.ts'
import { traceHeader } from './trace-header.ts'

/** A service in a region, and who sends requests to it. */
export interface AwsService {
  service: ServiceName
  region: string
  endpoint: URL
  /** Read for every request. */
  credentials(): Credentials
  /** The trace that the requests belong to: Lambda stops loops and X-Ray joins calls by it. */
  traceId?(): string | undefined
}

export interface RequestLimits {
  /** Milliseconds until a new connection has to be open, with TLS. */
  connectMs: number
  /** Milliseconds until all of the response has to be there. Without it there is no limit. */
  responseMs?: number
  /** Requests at a time; the others wait. */
  maxSockets: number
}

export interface PostRequest {
  path: string
  headers: Record<string, string>
  body: Buffer
  signal?: AbortSignal
  /** The trace of the request, where it is another than that of the environment. */
  traceparent?: string | undefined
}

/**
 * Sends signed POST requests on sockets that are kept alive, each once. The result is there with
 * the headers of the response, whatever its status. Whoever gets it reads it to its end or destroys
 * it. A request without a response rejects with an `AwsError`, or with the reason of the signal.
 */
export function signedRequests(
  { service, region, endpoint, credentials, traceId }: AwsService,
  { connectMs, responseMs, maxSockets }: RequestLimits,
) {
  const sockets = keptAliveSockets(endpoint.protocol, maxSockets)
  const sign = createSigner(service, region)
  const base = endpoint.pathname.replace(/\/$/, '')
  const opened = endpoint.protocol === 'https:' ? 'secureConnect' : 'connect'
  const target = {
    host: endpoint.hostname.replace(/^\[|\]$/g, ''),
    port: endpoint.port,
    method: 'POST',
  }

  return { post }

  function post(request: PostRequest): Promise<IncomingMessage> {
    const { path, headers, body, signal, traceparent } = request
    const signed = sign(
      {
        method: 'POST',
        path: base + path,
        headers: { ...headers, 'content-length': String(body.length), host: endpoint.host },
        body,
      },
      credentials(),
    )
    signed['user-agent'] = `mcp-lambda-sam/${version}`
    const trace = traceHeader(traceId?.(), traceparent)
    if (trace) signed['x-amzn-trace-id'] = trace

    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      const sent = sockets.request({ ...target, path: base + path, headers: signed })
      let response: IncomingMessage | undefined
      const stop = (error: unknown) => void (response ?? sent).destroy(error as Error)
      const abort = () => stop(signal?.reason)
      signal?.addEventListener('abort', abort, { once: true })
      let responding: NodeJS.Timeout | undefined
      sent
        .on('socket', socket => {
          if (responseMs)
            responding = setTimeout(() => stop(late('respond', responseMs)), responseMs)
          if (!socket.connecting) return
          const connecting = setTimeout(() => stop(late('connect', connectMs)), connectMs)
          socket.once(opened, () => clearTimeout(connecting))
          socket.once('close', () => clearTimeout(connecting))
          // A response that takes minutes sends nothing meanwhile.
          socket.setKeepAlive(true, KEEP_ALIVE_MS)
        })
        .on('response', it => {
          response = it
          // An error before somebody reads the response is found when it is read.
          it.on('error', () => {})
          resolve(it)
        })
        .on('error', error => reject(signal?.aborted ? signal.reason : networkError(error)))
        .on('close', () => {
          clearTimeout(responding)
          signal?.removeEventListener('abort', abort)
        })
        .end(body)
    })
  }

  function late(what: string, ms: number) {
    const message = `${endpoint.host} did not ${what} within ${ms} milliseconds`
    return new AwsError('TimeoutError', message, { code: 'ETIMEDOUT' })
  }
}

const KEEP_ALIVE_MS = 30_000
/** More than any response of these services. */
const MAX_BODY_BYTES = 32 * 1024 * 1024

/** The body of a response. Rejects with an `AwsError` when the connection breaks before its end. */
export function bodyOf(response: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    // The connection broke before the body is read: no event follows.
    if (response.destroyed && !response.readableEnded)
      return reject(networkError(response.errored ?? new Error('aborted')))
    const chunks: Buffer[] = []
    let bytes = 0
    response
      .on('data', (chunk: Buffer) => {
        chunks.push(chunk)
        bytes += chunk.length
        if (bytes > MAX_BODY_BYTES)
          response.destroy(new AwsError('ResponseTooLarge', `more than ${MAX_BODY_BYTES} bytes`))
      })
      .on('end', () =>
        resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)),
      )
      .on('error', error => reject(networkError(error)))
  })
}

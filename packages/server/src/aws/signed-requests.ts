import { version } from '../version.ts'
import { type ConnectionLimits, createConnections } from './connections.ts'
import type { ServiceName } from './endpoint.ts'
import { NO_VALUE } from './response-parser.ts'
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

interface PostRequest {
  path: string
  headers: Record<string, string>
  body: Buffer
  signal?: AbortSignal
  /** The trace of the request, where it is another than that of the environment. */
  traceparent?: string | undefined
}

/**
 * Sends signed POST requests, each once. The response is there with its head, whatever its status.
 * The caller reads it to its end. A request without a response rejects with an `AwsError`, or with
 * the reason of the signal.
 */
export function signedRequests(
  { service, region, endpoint, credentials, traceId }: AwsService,
  limits: ConnectionLimits,
) {
  const { send } = createConnections(endpoint, limits)
  const sign = createSigner(service, region)
  const base = endpoint.pathname.replace(/\/$/, '')

  return async ({ path, headers, body, signal, traceparent }: PostRequest) => {
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
    return send(headOf(base + path, signed), body, signal)
  }
}

function headOf(path: string, headers: Record<string, string>): string {
  let head = `POST ${path} HTTP/1.1\r\n`
  for (const name in headers) {
    const value = headers[name] ?? ''
    // Another request could begin in it.
    if (NO_VALUE.test(value)) throw new TypeError(`The header ${name} cannot be sent`)
    head += `${name}: ${value}\r\n`
  }
  return `${head}connection: keep-alive\r\n\r\n`
}

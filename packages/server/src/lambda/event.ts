import { type IamAuthorizer, type OwnerBy, toCaller } from '../http/caller.ts'
import { GatewayError } from '../http/errors.ts'
import type { HttpRequest } from '../http/http-request.ts'

/**
 * The fields of a Function URL event that are read here (payload format 2.0):
 * https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-payloads
 */
export interface FunctionUrlEvent {
  rawPath: string
  rawQueryString: string
  headers: Record<string, string>
  cookies?: string[]
  body?: string | null
  isBase64Encoded: boolean
  requestContext: {
    domainName: string
    requestId: string
    /** When Lambda received the request, in milliseconds since 1970. */
    timeEpoch?: number
    http: { method: string }
    authorizer?: { iam?: IamAuthorizer | null } | null
  }
}

/**
 * Lambda decodes a body whose content type is text. What is no UTF-8 becomes U+FFFD, and the body
 * is longer than its header says.
 */
function isUtf8({ headers, body }: FunctionUrlEvent): boolean {
  const sent = headers['content-length']
  if (!body?.includes('\ufffd') || sent === undefined) return true
  return Number(sent) === Buffer.byteLength(body)
}

/** Stands for a body that was no UTF-8: each reader of text refuses it. */
const NOT_UTF8 = Buffer.of(0xff)

function bodyOf(event: FunctionUrlEvent): Uint8Array<ArrayBuffer> | string {
  const { body, isBase64Encoded } = event
  if (isBase64Encoded) return Buffer.from(body ?? '', 'base64')
  return isUtf8(event) ? (body ?? '') : NOT_UTF8
}

/** The request of an event. The web `Request` is made only where it is asked for. */
export function toHttpRequest(event: FunctionUrlEvent): HttpRequest {
  const { rawPath, rawQueryString, headers, body, isBase64Encoded, requestContext } = event
  return {
    method: requestContext.http.method,
    path: rawPath,
    query: rawQueryString,
    headers,
    text: body && !isBase64Encoded && isUtf8(event) ? body : undefined,
    toRequest: () => toRequest(event),
  }
}

/**
 * Path and query are taken as the client sent them. Lambda never fills `pathParameters`, and joins
 * repeated query keys in `queryStringParameters`.
 *
 * @throws GatewayError `bad_request` for what `Request` cannot hold
 */
export function toRequest(event: FunctionUrlEvent): Request {
  const { rawPath, rawQueryString, headers, body, requestContext } = event
  const { domainName, http } = requestContext
  const bodiless = http.method === 'GET' || http.method === 'HEAD' || !body
  try {
    const url = new URL(`https://${domainName}`)
    url.pathname = rawPath
    url.search = rawQueryString
    return new Request(url, {
      method: routableMethod(http.method),
      headers: toHeaders(headers),
      body: bodiless ? null : bodyOf(event),
    })
  } catch (error) {
    throw new GatewayError(
      'bad_request',
      'The method, the host or a header of the request is not valid',
      {
        cause: error,
      },
    )
  }
}

/** `Request` refuses these methods. By another name they get the 405 of the routes. */
const routableMethod = (method: string) =>
  /^(CONNECT|TRACE|TRACK)$/i.test(method) ? `X-${method}` : method

/** `Headers` takes bytes only. Other characters become their UTF-8 bytes, as they were sent. */
function toHeaders(headers: Record<string, string>): Headers {
  const all = new Headers()
  for (const [name, value] of Object.entries(headers))
    all.append(name, /[\u0100-\uffff]/.test(value) ? Buffer.from(value).toString('latin1') : value)
  return all
}

/** Undefined where the Function URL does not verify callers (AuthType NONE). */
export function callerOf({ requestContext }: FunctionUrlEvent, ownerBy?: OwnerBy) {
  const iam = requestContext.authorizer?.iam
  return iam?.userArn ? toCaller(iam, ownerBy) : undefined
}

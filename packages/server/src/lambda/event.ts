import { type IamAuthorizer, toCaller } from '../http/caller.ts'

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
    http: { method: string }
    authorizer?: { iam?: IamAuthorizer | null } | null
  }
}

/**
 * Path and query are taken as the client sent them. Lambda never fills `pathParameters`, and joins
 * repeated query keys in `queryStringParameters`.
 */
export function toRequest({
  rawPath,
  rawQueryString,
  headers,
  body,
  isBase64Encoded,
  requestContext,
}: FunctionUrlEvent): Request {
  const { domainName, http } = requestContext
  const url = new URL(`https://${domainName}`)
  url.pathname = rawPath
  url.search = rawQueryString

  const bodiless = http.method === 'GET' || http.method === 'HEAD' || !body
  return new Request(url, {
    method: http.method,
    headers,
    body: bodiless ? null : isBase64Encoded ? Buffer.from(body, 'base64') : body,
  })
}

/** Undefined where the Function URL does not verify callers (AuthType NONE). */
export function callerOf({ requestContext }: FunctionUrlEvent) {
  const iam = requestContext.authorizer?.iam
  return iam?.userArn ? toCaller(iam) : undefined
}

import { type IamAuthorizer, toCaller } from '../http/caller.ts'

/**
 * What of a Function URL's event is read here (payload format 2.0):
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

/** The path and query are taken as sent: `pathParameters` is never filled, repeated query keys are joined. */
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

/** Undefined where the URL does not verify callers (AuthType NONE): there `accountId` means nothing. */
export function callerOf({ requestContext }: FunctionUrlEvent) {
  const iam = requestContext.authorizer?.iam
  return iam?.userArn ? toCaller(iam) : undefined
}

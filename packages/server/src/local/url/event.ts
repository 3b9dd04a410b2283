import type { IncomingMessage } from 'node:http'

import { authorizer, type Principal } from '../principals.ts'
import { splitTarget } from '../sigv4/canonical.ts'

/** https://www.rfc-editor.org/rfc/rfc9110#field.connection */
const HOP_BY_HOP = new Set([
  ...['connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization'],
  ...['te', 'trailer', 'transfer-encoding', 'upgrade'],
])

/** IAM consumes the signature: https://github.com/aws/aws-lambda-web-adapter/issues/477 */
const DROPPED_WITH_IAM = new Set([...HOP_BY_HOP, 'authorization'])

/** Content types whose body is text. The body of any other type is base64. */
const TEXT = /^(text\/|application\/(json|xml|javascript|x-www-form-urlencoded)|[^;]*\+(json|xml))/i

/**
 * The event of a Function URL, payload format 2.0. `principal` signed the request. It is undefined
 * for a URL with AuthType NONE.
 * https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-payloads
 */
export function toEvent(
  request: IncomingMessage,
  body: Buffer,
  principal: Principal | undefined,
  { requestId, traceId }: { requestId: string; traceId: string },
) {
  const { method = 'GET', url = '/', socket } = request
  const [rawPath, rawQueryString] = splitTarget(url)
  const dropped = principal ? DROPPED_WITH_IAM : HOP_BY_HOP
  const { cookies, ...headers } = joinedHeaders(request.rawHeaders, dropped)
  const host = headers.fields['host'] ?? ''
  const text = TEXT.test(headers.fields['content-type'] ?? '')
  const now = new Date()

  return {
    version: '2.0',
    routeKey: '$default',
    rawPath,
    rawQueryString,
    ...(cookies.length > 0 && { cookies }),
    headers: {
      ...headers.fields,
      'x-forwarded-for': socket.remoteAddress ?? '127.0.0.1',
      'x-forwarded-port': String(socket.localPort),
      'x-forwarded-proto': 'http',
      'x-amzn-trace-id': traceId,
    },
    ...(rawQueryString && { queryStringParameters: joinedQuery(rawQueryString) }),
    requestContext: {
      ...identity(principal),
      apiId: 'local',
      authentication: null,
      domainName: host,
      domainPrefix: host.split(/[.:]/)[0],
      http: {
        method,
        path: decoded(rawPath),
        protocol: 'HTTP/1.1',
        sourceIp: socket.remoteAddress ?? '127.0.0.1',
        userAgent: headers.fields['user-agent'] ?? null,
      },
      requestId,
      routeKey: '$default',
      stage: '$default',
      time: logTime(now),
      timeEpoch: now.getTime(),
    },
    ...(body.length > 0 && { body: body.toString(text ? 'utf8' : 'base64') }),
    pathParameters: null,
    isBase64Encoded: body.length > 0 && !text,
    stageVariables: null,
  }
}

function identity(principal: Principal | undefined) {
  if (!principal) return { accountId: 'anonymous' }
  const { iam } = authorizer(principal)
  return { accountId: iam.accountId, authorizer: { iam } }
}

function joinedHeaders(rawHeaders: string[], dropped: Set<string>) {
  const fields: Record<string, string> = {}
  const cookies: string[] = []
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] ?? '').toLowerCase()
    const value = rawHeaders[i + 1] ?? ''
    if (name === 'cookie') cookies.push(...value.split('; '))
    else if (!dropped.has(name)) fields[name] = name in fields ? `${fields[name]},${value}` : value
  }
  return { fields, cookies }
}

function joinedQuery(query: string): Record<string, string> {
  const joined: Record<string, string> = {}
  for (const [key, value] of new URLSearchParams(query))
    joined[key] = key in joined ? `${joined[key]},${value}` : value
  return joined
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    // Malformed percent-encoding: keep the path as it was sent.
    return path
  }
}

/** `12/Mar/2020:19:03:58 +0000` */
function logTime(date: Date): string {
  const [, day, month, year, time] =
    /^\w+, (\d+) (\w+) (\d+) ([\d:]+) GMT$/.exec(date.toUTCString()) ?? []
  return `${day}/${month}/${year}:${time} +0000`
}

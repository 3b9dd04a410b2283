import type { IncomingMessage, Server, ServerResponse } from 'node:http'

import { functionArn, REGION } from '../function-arn.ts'
import { httpServer, REQUEST_LIMIT, type RequestIds, readBody, refuse } from '../http-server.ts'
import type { Invoke } from '../invocation.ts'
import type { Log } from '../log.ts'
import type { Principal } from '../principals.ts'
import { splitTarget } from '../sigv4/canonical.ts'
import { type Refusal, verify } from '../sigv4/verify.ts'
import { toEvent } from './event.ts'
import { type InvokeMode, sendHttpResponse } from './http-response.ts'
import type { Observe } from './observe.ts'

/** `AWS_IAM` requires signed requests. With `NONE` the event names no caller. */
export type AuthType = 'AWS_IAM' | 'NONE'

export interface FunctionUrl {
  functionName: string
  authType: AuthType
  mode: InvokeMode
  principals: Principal[]
  invoke: Invoke
  log: Log
  /** Deliver each chunk of a stream with the next one. */
  holdsBack: boolean
  /** Watches the requests that pass the signature check, and their responses. */
  observe?: Observe
}

/**
 * The HTTP endpoint of one function.
 * https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html
 */
export function functionUrl(url: FunctionUrl): Server {
  return httpServer((request, response, ids) => handle(url, request, response, ids), url.log)
}

async function handle(
  { functionName, authType, mode, principals, invoke, log, holdsBack, observe }: FunctionUrl,
  request: IncomingMessage,
  response: ServerResponse,
  { requestId, traceId }: RequestIds,
) {
  const warn = (message: string) => log({ level: 'warn', functionName, requestId, message })
  const body = await readBody(request)
  if (!body)
    return refuse(response, 413, 'RequestEntityTooLargeException', {
      Message: `Request must be smaller than ${REQUEST_LIMIT} bytes for the InvokeFunction operation`,
    })

  const { method = '', url: target = '', rawHeaders } = request
  const signer =
    authType === 'NONE'
      ? undefined
      : verify(
          { method, target, rawHeaders, body },
          { region: REGION, service: 'lambda', principals },
        )
  if (signer && 'code' in signer) {
    warn(`${method} ${target} refused: ${explain(signer)}`)
    return signer.code === 'MissingAuthenticationTokenException'
      ? refuse(response, 403, 'AccessDeniedException', { Message: 'Forbidden' })
      : refuse(response, 403, signer.code, { message: signer.message })
  }

  const [path, query] = splitTarget(target)
  observe?.({ method, path, query, body }, response)
  const event = JSON.stringify(toEvent(request, body, signer, { requestId, traceId }))
  const invocation = { requestId, traceId, event, functionArn: functionArn(functionName) }
  const output = await invoke(functionName, invocation, { method, path })
  await sendHttpResponse(output, mode, response, { warn, holdsBack })
}

function explain({ code, message, computed }: Refusal): string {
  const reason = `${code}: ${message}`
  if (!computed) return reason
  return [
    reason,
    'The canonical request is',
    // The token is a credential.
    computed.canonicalRequest.replace(/^(x-amz-security-token:).+$/m, '$1(left out)'),
    'The string to sign is',
    computed.stringToSign,
  ].join('\n')
}

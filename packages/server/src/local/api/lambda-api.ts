import type { IncomingMessage, Server, ServerResponse } from 'node:http'

import { type FunctionReference, parseFunctionName, REGION } from '../function-arn.ts'
import { httpServer, REQUEST_LIMIT, type RequestIds, readBody } from '../http-server.ts'
import type { KnownFunctions } from '../known-functions.ts'
import type { Log } from '../log.ts'
import type { Principal } from '../principals.ts'
import type { ResourcePolicies } from '../resource-policies.ts'
import { verify } from '../sigv4/verify.ts'
import { handlePolicyOperation, mayInvoke, sendAccessDenied } from './invoke-permission.ts'
import { apiError, sendInvokeResponse, sendInvokeResponseStream } from './invoke-response.ts'

export interface LambdaApi {
  principals: Principal[]
  functions: KnownFunctions
  policies: ResourcePolicies
  log: Log
}

/**
 * The part of the Lambda API that invokes functions and manages their invoke permissions: Invoke,
 * InvokeWithResponseStream, AddPermission, GetPolicy, RemovePermission.
 */
export function lambdaApi(api: LambdaApi): Server {
  return httpServer((request, response, ids) => handle(api, request, response, ids), api.log)
}

async function handle(
  { principals, functions, policies, log }: LambdaApi,
  request: IncomingMessage,
  response: ServerResponse,
  { requestId, traceId }: RequestIds,
) {
  const { method = '', url: target = '', rawHeaders, headers } = request
  const body = await readBody(request)
  if (!body) return apiError(response, 413, 'RequestTooLargeException', TOO_LARGE)
  const region = signingRegion(headers.authorization)
  const signer = verify(
    { method, target, rawHeaders, body },
    { region, service: 'lambda', principals },
  )
  if ('code' in signer) return apiError(response, 403, signer.code, signer.message)

  const route = routeOf(method, target)
  if (!route)
    return apiError(
      response,
      404,
      'UnknownOperationException',
      `The local gateway does not have this operation: ${method} ${target}`,
    )
  const { operation, name, arn, local } = route
  if (!local || region !== REGION || !(await functions.has(name)))
    return apiError(response, 404, 'ResourceNotFoundException', `Function not found: ${arn}`)
  if (operation === 'policy')
    return handlePolicyOperation(
      policies,
      { ...route, method, resource: arn, body: body.toString() },
      response,
    )
  if (!mayInvoke(policies, signer, arn)) return sendAccessDenied(response, signer, arn)
  const event = body.toString() || '{}'
  if (!isJson(event)) return apiError(response, 400, INVALID_CONTENT, NOT_JSON)
  const context = headers['x-amz-client-context']?.toString()
  if (context && context.length > CONTEXT_LIMIT)
    return apiError(response, 400, INVALID_CONTENT, CONTEXT_TOO_LARGE)
  const clientContext = context && Buffer.from(context, 'base64').toString()
  if (clientContext && !isJson(clientContext))
    return apiError(response, 400, INVALID_CONTENT, CONTEXT_NOT_JSON)

  const tenantId = headers['x-amz-tenant-id']?.toString()
  if (tenantId !== undefined && !/^[\w.:/=+@ -]{1,256}$/.test(tenantId))
    return apiError(response, 400, 'ValidationException', `The tenant id ${TENANT_ID}`)

  const invocation = {
    ...{ requestId, traceId, event, functionArn: arn },
    ...(tenantId !== undefined && { tenantId }),
  }
  const withContext = { ...invocation, ...(clientContext && { clientContext }) }
  // This operation ignores the invocation type, even DryRun: https://github.com/radkawar/stackd
  if (operation === 'response-streaming-invocations')
    return sendInvokeResponseStream(await functions.invoke(name, withContext), response)

  switch (headers['x-amz-invocation-type']) {
    case 'DryRun':
      return void response.writeHead(204).end()
    case 'Event':
      functions
        .invoke(name, invocation)
        .catch(error =>
          log({ level: 'error', functionName: name, requestId, message: String(error) }),
        )
      return void response.writeHead(202).end()
    default:
      return sendInvokeResponse(await functions.invoke(name, withContext), response)
  }
}

/** The server stands for Lambda in every region. Only REGION has functions. */
const signingRegion = (authorization = '') =>
  /Credential=[^/,]+\/\d+\/([a-z0-9-]+)\//.exec(authorization)?.[1] ?? REGION

const ROUTE =
  /^\/(?:2015-03-31|2021-11-15)\/functions\/([^/?]+)\/(invocations|response-streaming-invocations|policy)(?:\/([\w-]+))?(?:\?(.*))?$/

interface Route extends FunctionReference {
  operation: string
  statementId: string | undefined
}

function routeOf(method: string, target: string): Route | undefined {
  const [, encoded = '', operation = '', statementId, query = ''] = ROUTE.exec(target) ?? []
  if (!METHODS[operation]?.includes(method)) return undefined
  const name = encoded.replace(/%3A/gi, ':').replace(/%24/g, '$')
  const qualifier = new URLSearchParams(query).get('Qualifier')
  const reference = parseFunctionName(qualifier ? `${name}:${qualifier}` : name)
  return { ...(reference ?? { name, arn: name, local: false }), operation, statementId }
}

const METHODS: Record<string, string[]> = {
  invocations: ['POST'],
  'response-streaming-invocations': ['POST'],
  policy: ['POST', 'GET', 'DELETE'],
}

function isJson(text: string) {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** Base64 characters. */
const CONTEXT_LIMIT = 3583
const INVALID_CONTENT = 'InvalidRequestContentException'
const NOT_JSON = 'Could not parse request body into json'
const CONTEXT_NOT_JSON = 'Client context must be a valid Base64-encoded JSON object.'
const CONTEXT_TOO_LARGE = `Client context must be no more than ${CONTEXT_LIMIT} bytes when base64-encoded.`
const TENANT_ID = 'has 1 to 256 of A-Z a-z 0-9 . _ : / = + - @ and space'
const TOO_LARGE = `Request must be smaller than ${REQUEST_LIMIT} bytes for the InvokeFunction operation`

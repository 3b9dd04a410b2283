import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { type Named, parseFunctionName, REGION } from '../function-arn.ts'
import { httpServer, type Ids, REQUEST_LIMIT, readBody } from '../http-server.ts'
import type { Catalogue } from '../known-functions.ts'
import type { Log } from '../log.ts'
import type { Principal } from '../principals.ts'
import type { Policies } from '../resource-policies.ts'
import { verify } from '../sigv4/verify.ts'
import { answerPolicy, mayInvoke, notAuthorized } from './invoke-permission.ts'
import { problem, sendResponse, sendResponseStream } from './invoke-response.ts'

export interface LambdaApi {
  principals: Principal[]
  functions: Catalogue
  policies: Policies
  log: Log
}

/** The operations of the Lambda API that run a function, and those that change who may. */
export function lambdaApi(api: LambdaApi): Server {
  return httpServer((request, response, ids) => answer(api, request, response, ids), api.log)
}

async function answer(
  { principals, functions, policies, log }: LambdaApi,
  request: IncomingMessage,
  response: ServerResponse,
  { requestId, traceId }: Ids,
) {
  const { method = '', url: target = '', rawHeaders, headers } = request
  const body = await readBody(request)
  if (!body) return problem(response, 413, 'RequestTooLargeException', TOO_LARGE)
  const region = signingRegion(headers.authorization)
  const signer = verify(
    { method, target, rawHeaders, body },
    { region, service: 'lambda', principals },
  )
  if ('code' in signer) return problem(response, 403, signer.code, signer.message)

  const route = routeOf(method, target)
  if (!route)
    return problem(response, 404, 'UnknownOperationException', `Not here: ${method} ${target}`)
  const { verb, name, arn, local } = route
  if (!local || region !== REGION || !(await functions.has(name)))
    return problem(response, 404, 'ResourceNotFoundException', `Function not found: ${arn}`)
  if (verb === 'policy')
    return answerPolicy(
      policies,
      { ...route, method, resource: arn, body: body.toString() },
      response,
    )
  if (!mayInvoke(policies, signer, arn)) return notAuthorized(response, signer, arn)
  const event = body.toString() || '{}'
  if (!isJson(event)) return problem(response, 400, INVALID_CONTENT, NOT_JSON)
  const context = headers['x-amz-client-context']?.toString()
  if (context && context.length > CONTEXT_LIMIT)
    return problem(response, 400, INVALID_CONTENT, CONTEXT_TOO_LARGE)
  const clientContext = context && Buffer.from(context, 'base64').toString()
  if (clientContext && !isJson(clientContext))
    return problem(response, 400, INVALID_CONTENT, CONTEXT_NOT_JSON)

  const invocation = { requestId, traceId, event, functionArn: arn }
  const inContext = { ...invocation, ...(clientContext && { clientContext }) }
  // It does not look at the invocation type, not even at DryRun: https://github.com/radkawar/stackd
  if (verb === 'response-streaming-invocations')
    return sendResponseStream(await functions.invoke(name, inContext), response)

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
      return sendResponse(await functions.invoke(name, inContext), response)
  }
}

/** The one address stands for Lambda in all regions, of which one has functions. */
const signingRegion = (authorization = '') =>
  /Credential=[^/,]+\/\d+\/([a-z0-9-]+)\//.exec(authorization)?.[1] ?? REGION

const ROUTE =
  /^\/(?:2015-03-31|2021-11-15)\/functions\/([^/?]+)\/(invocations|response-streaming-invocations|policy)(?:\/([\w-]+))?(?:\?(.*))?$/

interface Route extends Named {
  verb: string
  statementId: string | undefined
}

function routeOf(method: string, target: string): Route | undefined {
  const [, encoded = '', verb = '', statementId, query = ''] = ROUTE.exec(target) ?? []
  if (!METHODS[verb]?.includes(method)) return undefined
  const name = encoded.replace(/%3A/gi, ':').replace(/%24/g, '$')
  const qualifier = new URLSearchParams(query).get('Qualifier')
  const named = parseFunctionName(qualifier ? `${name}:${qualifier}` : name)
  return { ...(named ?? { name, arn: name, local: false }), verb, statementId }
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

const CONTEXT_LIMIT = 3583
const INVALID_CONTENT = 'InvalidRequestContentException'
const NOT_JSON = 'Could not parse request body into json'
const CONTEXT_NOT_JSON = 'Client context must be a valid Base64-encoded JSON object.'
const CONTEXT_TOO_LARGE = `Client context must be no more than ${CONTEXT_LIMIT} bytes when base64-encoded.`
const TOO_LARGE = `Request must be smaller than ${REQUEST_LIMIT} bytes for the InvokeFunction operation`

import type { FunctionUrlEvent } from '../../src/lambda/event.ts'
import { bufferedHandler } from '../../src/lambda/handler.ts'
import { createRegistration } from '../../src/registration/api.ts'
import type { CheckFunction } from '../../src/registration/function-check.ts'
import { dynamoRevocations } from '../../src/registration/invoke-permission/dynamo-revocations.ts'
import type { InvokePermissions } from '../../src/registration/invoke-permission/permissions.ts'
import { dynamoRegistry } from '../../src/registry/dynamo.ts'
import type { Emulator } from './dynamodb.ts'

/**
 * For tests of other behaviour: every function exists, and registering it grants the permission.
 */
const granted: InvokePermissions = {
  grant: async () => ({ state: 'ready' }),
  check: async () => ({ status: { state: 'ready' }, grants: false }),
  revoke: async () => undefined,
  status: async () => ({ state: 'ready' }),
}

/** The functions of the stack that this API belongs to. */
export const OWN_FUNCTIONS = ['mcp', 'mcp-registration'].map(
  name => `arn:aws:lambda:eu-central-1:123456789012:function:gateway-${name}`,
)

/**
 * Calls the registration function of one environment with the event that a Function URL makes of a
 * request.
 */
export function registrationUrl(
  { dynamo: newClient, tables }: Emulator,
  permissions = granted,
  userArn = 'arn:aws:iam::123456789012:user/admin',
  remaining = () => 120_000,
  checkFunction: CheckFunction = async () => ({ warnings: [] }),
) {
  const dynamo = newClient()
  const registry = dynamoRegistry(dynamo, tables.RegistrationTable)
  const revocations = dynamoRevocations(dynamo, tables.RegistrationTable)
  const handler = bufferedHandler(
    createRegistration({
      registry,
      permissions,
      revocations,
      ownFunctions: OWN_FUNCTIONS,
      checkFunction,
    }),
  )

  return async (
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = { 'content-type': 'application/json' },
  ) => {
    const [rawPath = '', rawQueryString = ''] = path.split('?')
    const event: FunctionUrlEvent = {
      rawPath,
      rawQueryString,
      headers,
      requestContext: {
        domainName: 'abc.lambda-url.eu-central-1.on.aws',
        requestId: 'request-1',
        http: { method },
        authorizer: { iam: { userArn, accountId: '123456789012' } },
      },
      isBase64Encoded: body instanceof Buffer,
      body: body instanceof Buffer ? body.toString('base64') : textOf(body),
    }
    const context = { awsRequestId: 'request-1', getRemainingTimeInMillis: remaining }
    const response = await handler(event, context)
    return {
      status: response.statusCode,
      headers: response.headers,
      body: response.body && JSON.parse(response.body),
    }
  }
}

const textOf = (body: unknown) => (typeof body === 'string' ? body : JSON.stringify(body))

import { parseLambdaArn } from '@markvp/mcp-lambda-sam-admin-client/api-schema'

import { GatewayError } from '../http/errors.ts'

/**
 * Whether an ARN names a function of the stack itself, or a version or alias of one. `own` has
 * their ARNs. The case of a name makes no difference: whether Lambda ignores it is documented
 * nowhere.
 */
export function isOwnFunction(lambdaArn: string, own: readonly string[]): boolean {
  const identity = identityOf(lambdaArn)
  return identity !== undefined && own.some(arn => identityOf(arn) === identity)
}

/**
 * Throws 400. A client that can invoke the registration function as a tool could send it an event
 * of its own making, which names an administrator as its caller.
 */
export function assertNotOwn(lambdaArn: string, own: readonly string[]) {
  if (!isOwnFunction(lambdaArn, own)) return
  throw new GatewayError('invalid_registration', `/lambdaArn ${OWN}`, {
    issues: [{ path: '/lambdaArn', message: OWN }],
  })
}

const OWN =
  "names a function of the gateway's own stack, which can be no tool: register the function that does the work"

function identityOf(lambdaArn: string): string | undefined {
  const arn = parseLambdaArn(lambdaArn)
  if (typeof arn === 'string') return undefined
  const { region, accountId, functionName } = arn
  return `${region} ${accountId} ${functionName.toLowerCase()}`
}
